"""The command line: parses what an operator says, calls one operation, renders its answer."""

from hub.cli.app import main

__all__ = ["main"]
