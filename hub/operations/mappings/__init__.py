"""What an admin does with mapping documents: look, edit, check, plan, publish, take back, and keep them in files."""
