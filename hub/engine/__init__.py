"""Verbs: pure functions over the nouns. No clock, no I/O, no randomness."""
