"""ngc-opt in this process."""

from ngc.opt.main import OptMain


def run(*arguments: object) -> int:
    """Runs a command line and returns its exit code."""
    return OptMain([str(argument) for argument in arguments]).run()
