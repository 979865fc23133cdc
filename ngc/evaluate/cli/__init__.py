"""The command line: `ngc-eval predict|info|model|report`."""

from ngc.evaluate.cli.main import main

__all__ = ["main"]
