"""What measuring chose, on disk: one JSON file in the cache folder, from a digest of all that a choice depends on to the label of the fastest kernel.

A record names one of the kernels that the code generator offers anyway. So whatever stands in the file can make a layer slower but never wrong, and a
damaged file costs no more than measuring again.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ngc.codegen.llvm import object_cache

FORMAT = 1
MOST_RECORDS = 10_000
"""Beyond it the oldest go."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Record:
    """One measured choice.

    Attributes:
        layer: the convolution, for people.
        choice: the label of the fastest kernel.
        microseconds: the time of each kernel for one image, by label.
    """

    layer: str
    choice: str
    microseconds: Mapping[str, float]


def path() -> Path:
    """Returns where the records are kept."""
    return object_cache.cache_root() / "tuning.json"


def load() -> dict[str, Record]:
    """Returns the records by their keys; a file that cannot be read counts as empty, with a warning."""
    file = path()
    try:
        content = json.loads(file.read_bytes())
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']!r}, not {FORMAT}")
        return {str(key): _record(item) for key, item in content["records"].items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        _log.warning("cannot read %s: %s; measuring again", file, error.strerror)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        _log.warning("ignored the damaged file %s (%s: %s); measuring again", file, type(error).__name__, error)
    return {}


def _record(item: Any) -> Record:
    times = {str(name): float(value) for name, value in item["microseconds"].items()}
    return Record(str(item["layer"]), str(item["choice"]), times)


def store(new: Mapping[str, Record]) -> None:
    """Adds records to those on disk, for all later processes; trouble with the folder is a warning."""
    records = {**load(), **new}
    kept = dict(list(records.items())[-MOST_RECORDS:])
    content = {"format": FORMAT, "records": {key: asdict(record) for key, record in kept.items()}}
    file = path()
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        object_cache.write_whole(file, json.dumps(content, indent=1).encode())
    except OSError as error:
        _log.warning("cannot write %s: %s; the next compilation measures again", file, error.strerror)


def count() -> int:
    """Returns how many records there are."""
    return len(load())


def clear() -> int:
    """Removes all records and returns how many there were."""
    found = count()
    path().unlink(missing_ok=True)
    return found
