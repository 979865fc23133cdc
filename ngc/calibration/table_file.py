"""Calibration tables in files.

    header     48 bytes: magic, format version, length of the manifest, SHA-256 of what follows
    manifest   JSON in UTF-8: fingerprint, examples, batches, chosen ranges, and for each histogram all but its arrays, with its share of the counts
    arrays     of one histogram after another: the counts, compressed, then of all channels the sums, the least and the largest elements

Numbers are little-endian. A reader trusts no length: it allocates for no more bins and channels than tables can have.
"""

import hashlib
import json
import math
import struct
import zlib
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np

from ngc.calibration.channels import Channels
from ngc.calibration.histogram import FIRST_BINS, MOST_BINS, Histogram
from ngc.calibration.table import CalibrationTable
from ngc.calibration.thresholds import check_mode
from ngc.errors import ArtifactError, InputError
from ngc.passes.value_ranges import ValueRange
from ngc.runtime.artifact_file import write_whole

FORMAT = 2
"""Version of the layout; a reader refuses those that it does not know."""

MAGIC = b"\x89NGCCAL\n"

_PER_CHANNEL = 8 + 4 + 4
"""Bytes: a sum in f64, two extrema in f32."""

_MOST_COUNT = (1 << 62) // MOST_BINS
"""Of one bin, so that sums of all bins stay within 64 bits."""

_MOST_BYTES = 1 << 30
"""Of all counts in memory: a thousand values with the most bins take a quarter of it. Compressed zeros may stand for any amount."""

_HEADER = struct.Struct("<8sII32s")


def write_table(table: CalibrationTable, path: Path) -> None:
    """Writes a table; what was at `path` stays until the new file is complete on disk.

    Raises:
        ArtifactError: the file cannot be written.
    """
    entries: list[dict[str, Any]] = []
    arrays: list[bytes] = []
    for name, histogram in table.histograms.items():
        counts = zlib.compress(histogram.counts.astype("<i8").tobytes(), 1)
        channels = histogram.channels
        seen = histogram.low <= histogram.high
        entries.append({"name": name, "bins": len(histogram.counts), "step": histogram.step, "range": [histogram.low, histogram.high] if seen else None,
                        "channels": None if channels is None else len(channels.sums), "per_channel": 0 if channels is None else channels.elements,
                        "bytes": len(counts)})
        arrays += [counts, b"" if channels is None else _pack(channels)]
    manifest = {"fingerprint": table.fingerprint, "examples": table.examples, "batches": table.batches, "mode": table.mode, "parameters": table.parameters,
                "histograms": entries,
                "chosen": [[name, *astuple(bounds)] for name, bounds in table.chosen.items()]}
    text = json.dumps(manifest, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    body = b"".join([text, *arrays])
    write_whole(path, [_HEADER.pack(MAGIC, FORMAT, len(text), hashlib.sha256(body).digest()), body])


def read_table(path: Path) -> CalibrationTable:
    """Returns the table that a file holds.

    Raises:
        ArtifactError: the file is missing, unreadable, truncated, altered or no calibration table.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror or error}") from error
    body, length = _checked_body(path, data)
    try:
        return _parse(json.loads(body[:length]), memoryview(body)[length:])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, InputError, zlib.error) as error:
        raise ArtifactError(f"{path}: its contents are none of ngc's ({type(error).__name__}: {error}); calibrate again") from error


def _checked_body(path: Path, data: bytes) -> tuple[bytes, int]:
    """Returns what follows the header, compared with its digest, and the manifest's length."""
    if data[:len(MAGIC)] != MAGIC:
        raise ArtifactError(f"{path} is no calibration table: it begins with {data[:8]!r}; CalibrationTable.load takes what CalibrationTable.save wrote")
    if len(data) < _HEADER.size:
        raise ArtifactError(f"{path} is truncated: {len(data)} bytes are less than a header; copy the file again")
    _, version, length, digest = _HEADER.unpack_from(data)
    if version != FORMAT:
        raise ArtifactError(f"{path} has format {version} of calibration tables; this ngc reads format {FORMAT}: load it with the ngc that saved it, "
                            "or calibrate again")
    body = data[_HEADER.size:]
    if hashlib.sha256(body).digest() != digest:
        raise ArtifactError(f"{path} is truncated or altered: it differs from what was saved; copy the file again or calibrate again")
    return body, length


def _parse(manifest: dict[str, Any], arrays: memoryview) -> CalibrationTable:
    chosen = {_text(name): ValueRange(*_bounds([low, high]), *(None if part is None else tuple(map(_finite, part)) for part in (means, lows, highs)))
              for name, low, high, means, lows, highs in manifest["chosen"]}
    mode, parameters = _text(manifest["mode"]), dict(manifest["parameters"])
    check_mode(mode, parameters)
    table = CalibrationTable(_text(manifest["fingerprint"]), {}, chosen, _count(manifest["examples"]), _count(manifest["batches"]), mode, parameters)
    room = _MOST_BYTES
    for entry in manifest["histograms"]:
        compressed = arrays[:_count(entry["bytes"])]
        packed = arrays[len(compressed):][:_PER_CHANNEL * _count(entry["channels"] or 0)]
        arrays = arrays[len(compressed) + len(packed):]
        histogram = _histogram(entry, compressed, packed)
        room -= histogram.counts.nbytes
        if room < 0:
            raise ValueError(f"histograms of more than {_MOST_BYTES} bytes")
        table.histograms[_text(entry["name"])] = histogram
    if len(arrays):
        raise ValueError(f"{len(arrays)} bytes belong to no histogram")
    return table


def _histogram(entry: dict[str, Any], compressed: memoryview, packed: memoryview) -> Histogram:
    bins = _count(entry["bins"])
    if bins % 2 == 0 or not FIRST_BINS <= bins <= MOST_BINS:
        raise ValueError(f"{bins} bins")
    counts = np.frombuffer(zlib.decompressobj().decompress(compressed, 8 * bins), "<i8").astype(np.int64)
    if len(counts) != bins or counts.min() < 0 or counts.max() > _MOST_COUNT:
        raise ValueError("counts that do not fit")
    low, high = (math.inf, -math.inf) if entry["range"] is None else _bounds(entry["range"])
    step = _finite(entry["step"])
    if step < 0 or (step == 0) != (low >= 0 >= high):
        raise ValueError(f"bins of width {step}")
    elements = _count(entry["per_channel"])
    return Histogram(counts, step, low, high, None if entry["channels"] is None else _unpack(packed, entry["channels"], elements))


def _pack(channels: Channels) -> bytes:
    return channels.sums.astype("<f8").tobytes() + channels.lows.astype("<f4").tobytes() + channels.highs.astype("<f4").tobytes()


def _unpack(packed: memoryview, channels: int, elements: int) -> Channels:
    if len(packed) != _PER_CHANNEL * channels:
        raise ValueError(f"{len(packed)} bytes for {channels} channels")
    sums = np.frombuffer(packed, "<f8", channels).astype(np.float64)
    lows, highs = np.frombuffer(packed, "<f4", offset=8 * channels).astype(np.float32).reshape(2, channels)
    fits = np.isfinite(lows) & np.isfinite(highs) & (lows <= highs) if elements else (lows == np.inf) & (highs == -np.inf)
    if not fits.all():
        raise ValueError("extrema of channels that do not fit")
    return Channels(lows, highs, sums, elements)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(f"{value!r} is no count")
    return value


def _finite(value: Any) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value!r} is not finite")
    return float(value)


def _bounds(values: Any) -> tuple[float, float]:
    low, high = map(_finite, values)
    if low > high:
        raise ValueError(f"{low} > {high}")
    return low, high
