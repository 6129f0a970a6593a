"""The hub's web: webhooks, what they cost, and how they end."""
