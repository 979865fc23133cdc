"""Picks the kernel of each convolution by measuring a short list, once for each distinct layer; choices are kept on disk.

A choice is keyed by the convolution with all that is fused into it, the images of a run, the numerics, the processor that code is generated for and the one
that measures, LLVM's version, and the sources of the kernels. Kernels are timed on one thread, and those whose work does not fall into halves count as slower,
whatever the number of threads of the runs, so outputs have the same bits for every number of threads. Without `tune` nothing is measured and no record is
read: those results never depend on what the cache holds.
"""

import functools
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ngc.codegen.llvm import jit, measure, tuning_records
from ngc.codegen.llvm.candidates import candidates, label
from ngc.codegen.llvm.choice import Choice, ConvSpec, DirectSpec, known_images
from ngc.codegen.llvm.kernels.depthwise import DepthwiseKernel
from ngc.codegen.llvm.tiles import ONE_PIXEL
from ngc.codegen.llvm.tuning_records import Record
from ngc.errors import CodegenError, InputError
from ngc.ir import Dim
from ngc.target import CpuTarget, check_host, host_target

Compile = Callable[[Mapping[str, Callable[[], str]]], dict[str, bytes]]
"""Returns the objects of modules by symbol, from the cache or from LLVM."""

Progress = Callable[[int, int, str], None]
"""Called with how many layers are measured, how many there are, and the last."""

LEAST_GAIN = 1.02
"""How many times faster than the cost model's choice a kernel must be to replace it: less is noise."""

_MOST_IMAGES = 8
_RUN_FLOPS = 2e9
"""Work that one timed run should not exceed: images beyond it share nothing that matters."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layer:
    """A convolution that is to be measured."""

    name: str
    images: int
    specs: tuple[ConvSpec, ...]


class Tuner:
    """The chooser that goes by records; where there are none it takes the cost model's choice and notes the layer for `measure`."""

    def __init__(self, target: CpuTarget, numerics: str = "fast", *, cache: bool = True) -> None:
        """Reads the records.

        Args:
            target: the processor that code is generated for.
            numerics: "exact" for direct summation only.
            cache: read records and keep new ones.

        Raises:
            InputError: this machine cannot run the target's code.
        """
        try:
            check_host(target)
        except CodegenError as error:
            raise InputError(f"tune=True measures kernels on this machine: {error}") from error
        self.target, self.numerics, self.cache = target, numerics, cache
        self.missing: dict[str, Layer] = {}
        self._records = tuning_records.load() if cache else {}
        self._candidates: dict[str, tuple[ConvSpec, ...]] = {}

    def choose(self, direct: DirectSpec, batch: Dim) -> Choice:
        """Returns the kernel that was the fastest for a convolution."""
        images = timed_images(direct, batch)
        key = record_key(direct, images, self.target, self.numerics)
        if key not in self._candidates:
            self._candidates[key] = candidates(direct, self.target, self.numerics, images)
        specs = self._candidates[key]
        record = self._records.get(key)
        spec = next((spec for spec in specs if record is not None and label(spec) == record.choice), None)
        if record is not None and spec is not None:
            return Choice(spec, f"measured, us of an image: {_times(record)}")
        self.missing[key] = Layer(layer_name(direct, images), images, specs)
        return Choice(specs[0], "by the cost model, to be measured")

    def measure(self, compile: Compile, progress: Progress | None = None) -> None:
        """Compiles the kernels of all noted layers, times them, and keeps what is the fastest.

        Args:
            compile: called once with the kernels of all layers.
            progress: hears of each layer that is measured.

        Raises:
            CodegenError: LLVM failed on a kernel.
        """
        by_symbol = {spec.symbol(self.target): spec for layer in self.missing.values() for spec in layer.specs}
        objects = compile({symbol: functools.partial(spec.emit, self.target) for symbol, spec in by_symbol.items()})
        library = jit.Library(objects)
        pool = measure.Pool()
        new: dict[str, Record] = {}
        for done, (key, layer) in enumerate(self.missing.items(), 1):
            addresses = [library.addresses[spec.symbol(self.target)] for spec in layer.specs]
            new[key] = _record(layer, measure.measure(layer.specs, addresses, layer.images, pool))
            _log.info("%s: %s", layer.name, _times(new[key]))
            if progress is not None:
                progress(done, len(self.missing), layer.name)
        library.close()
        self._records |= new
        self.missing = {}
        if self.cache:
            tuning_records.store(new)


def _record(layer: Layer, seconds: list[float]) -> Record:
    costs = [time * split_loss(spec, layer.images) for spec, time in zip(layer.specs, seconds, strict=True)]
    fastest = min(range(len(costs)), key=costs.__getitem__)
    chosen = fastest if costs[fastest] * LEAST_GAIN < costs[0] else 0
    times = {label(spec): round(1e6 * time, 3) for spec, time in zip(layer.specs, seconds, strict=True)}
    return Record(layer.name, label(layer.specs[chosen]), times)


def split_loss(spec: ConvSpec, images: int) -> float:
    """Returns by how much a kernel's time on one thread counts for more because its work items do not fall into equal halves.

    Two halves are the least that threads make of them: half of what the heavier half has too much counts, however many threads there will be.
    """
    items = spec.work[0] * images + spec.work[1]
    return 1 + (2 * -(-items // 2) / items - 1) / 2 if items else 1.0


def _times(record: Record) -> str:
    """Returns the times of a record, the chosen kernel's first and the others by time."""
    ranked = sorted(record.microseconds.items(), key=lambda item: (item[0] != record.choice, item[1]))
    return ", ".join(f"{name} {time:.4g}" for name, time in ranked)


def timed_images(direct: DirectSpec, batch: Dim) -> int:
    """Returns the images of a timed run: the batch, or as many of it as make a difference."""
    return max(1, min(known_images(batch), _MOST_IMAGES, int(_RUN_FLOPS // max(1, direct.flops()))))


def layer_name(direct: DirectSpec, images: int) -> str:
    """Returns a convolution as people write it."""
    groups = direct.x.channels if isinstance(direct, DepthwiseKernel) else direct.groups
    kernel, size = "x".join(map(str, direct.kernel)), "x".join(map(str, direct.y.spatial))
    text = f"{kernel}/{max(direct.stride)} {direct.x.channels} -> {direct.y.channels}, {size}"
    return text + f", {groups} groups" * (groups > 1) + f", {images} images" * (images > 1)


def record_key(direct: DirectSpec, images: int, target: CpuTarget, numerics: str) -> str:
    """Returns the digest of all that a choice depends on; the planned tile is not among it."""
    parts = (repr(replace(direct, tile=ONE_PIXEL)), str(images), numerics, target.identity, host_target().identity, jit.llvm_version(), kernels_digest())
    # Lengths keep two different lists of parts from running into the same bytes.
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()


@functools.cache
def kernels_digest() -> str:
    """Returns the digest of the sources that decide how fast a convolution is: whoever edits them measures anew."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    patterns = ("conv*", "depthwise*", "winograd*", "microkernel*", "site*", "splits*", "steps*")
    files = {path for pattern in patterns for path in (folder / "kernels").glob(f"{pattern}.py")}
    for file in [*sorted(files), folder / "tiles.py", folder / "candidates.py", folder / "measure.py"]:
        digest.update(f"{file.name} ".encode() + file.read_bytes())
    return digest.hexdigest()
