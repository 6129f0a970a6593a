"""The hub's own web: health, metrics, webhooks. Over operations, like the command line."""
