"""The file in which TensorRT's measurements are kept from build to build. It saves time only: whatever is wrong with it, the build goes on."""

import logging
from pathlib import Path
from typing import Any

from ngc.codegen.llvm.object_cache import write_whole
from ngc.codegen.tensorrt.messages import Messages

_log = logging.getLogger("ngc.tensorrt")


def use_timing_cache(config: Any, path: Path, messages: Messages) -> None:
    """Gives a builder's configuration the measurements of a file, or none where there is no such file or it is damaged, which a warning says."""
    try:
        kept = path.read_bytes()
    except FileNotFoundError:
        kept = b""
    except OSError as error:
        _log.warning("the timing cache %s cannot be read (%s); everything is measured anew", path, error)
        kept = b""
    said = len(messages.errors) + len(messages.warnings)
    cache = config.create_timing_cache(kept)
    if kept and (cache is None or len(messages.errors) + len(messages.warnings) > said):
        _log.warning("the timing cache %s is damaged, or of another version or GPU; everything is measured anew", path)
        cache = config.create_timing_cache(b"")
    config.set_timing_cache(cache, ignore_mismatch=False)


def keep_timing_cache(config: Any, path: Path) -> None:
    """Writes what a build measured, whole or not at all."""
    cache = config.get_timing_cache()
    if cache is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, bytes(cache.serialize()))
    except OSError as error:
        _log.warning("the timing cache %s cannot be written (%s)", path, error)
