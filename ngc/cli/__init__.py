"""The command line: `ngc compile|run|bench|info|cache`."""

from ngc.cli.main import main

__all__ = ["main"]
