"""The command line: `ngc compile|coverage|calibrate|quantization-report|run|bench|info|cache`."""

from ngc.cli.main import main

__all__ = ["main"]
