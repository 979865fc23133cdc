"""Code that walks the parts of a `Split` at run time."""

from collections.abc import Callable

from ngc.codegen.llvm.text import Builder, Index
from ngc.codegen.llvm.tiles import Split


def split_start(b: Builder, split: Split, index: Index) -> Index:
    """Returns where part `index` of a split begins."""
    if len(split.sizes) == 1:
        return b.mul(index, split.size)
    return b.add(b.mul(index, split.size - 1), b.smin(index, split.wide))


def by_size(b: Builder, split: Split, index: Index, body: Callable[[int], None]) -> None:
    """Emits `body` for each distinct size of part, run where part `index` has it."""
    if len(split.sizes) == 1:
        body(split.size)
        return
    with b.when(b.icmp("slt", index, split.wide)):
        body(split.size)
    with b.when(b.icmp("sge", index, split.wide)):
        body(split.size - 1)


def each_part(b: Builder, split: Split, body: Callable[[int, Index], None]) -> None:
    """Emits loops over all parts of a split: `body` gets the size, which is known, and the start of the part."""
    for start, stop, size in ((0, split.wide, split.size), (split.wide, split.parts, split.size - 1)):
        if stop - start == 1:
            body(size, split_start(b, split, start))
        elif start < stop:
            with b.loop(start, stop, hint="part") as loop:
                body(size, split_start(b, split, loop.index))
