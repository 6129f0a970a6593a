"""Nouns: frozen values without behaviour that reaches outside. Imports nothing but the standard library."""
