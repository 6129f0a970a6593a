"""Stores as earlier releases left them, in the middle of their work."""
