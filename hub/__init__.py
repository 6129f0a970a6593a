"""The hub: one canonical store of contacts and campaigns that a company's marketing stack agrees with."""

__version__ = "0.1.0"
"""The release, as pyproject.toml says it too."""
