"""What operators deploy: manifests, units, image, dashboard, guides."""
