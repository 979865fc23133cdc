"""Attention: softmax(scale * q k^T) v, a block of queries at a time, so that scores never leave the caches.

Work items are blocks of queries of a head. A thread packs the keys and values of a head once for all blocks that it has of it; the scores of a block lie in
its scratch memory from the first product over the softmax to the second. With whole rows of scores at hand no sum has to be rescaled, as tiles along the
keys would need (Milakov and Gimelshein, Online normalizer calculation for softmax, 2018; Dao et al., FlashAttention, 2022).
"""

from dataclasses import dataclass, field, replace
from typing import Any

from ngc.codegen.llvm.kernel import KernelSpec
from ngc.codegen.llvm.kernels.expression import Extent, N
from ngc.codegen.llvm.kernels.matrices import Matrices
from ngc.codegen.llvm.kernels.nest_loops import times
from ngc.codegen.llvm.kernels.rows import plan_rows
from ngc.codegen.llvm.tiles import L2_BYTES, ONE_PIXEL, Split, Tile
from ngc.errors import CodegenError
from ngc.target import CpuTarget

MASKS = ("none", "add", "select", "i32", "i64")
"""What says which scores count: nothing, numbers to add, numbers that are not zero where a score is kept, or lengths of a type."""

_MOST_QUERIES = 48
"""Queries of a block: four tiles of twelve, or eight of six."""


@dataclass(frozen=True)
class AttentionKernel(KernelSpec):
    """y[h] = softmax(scale * q[h] k[h]^T) v[h] for heads of f32 that lie anywhere; `AttentionKernel.plan` chooses tiles and block.

    Arguments: q, k, v, with a mask the mask, y, scratch memory of `scratch_bytes`. Columns of y lie side by side, those of a mask do or are one.

    Attributes:
        heads: how many, of all images.
        queries: rows of q and y.
        keys: rows of k and v.
        size: columns of q and k.
        width: columns of v and y.
        q, k, v, y: where they lie.
        lanes: the vector width.
        scale: what the queries are multiplied by.
        kind: of the mask, one of `MASKS`.
        mask: where it lies; of lengths `row` is the stride, one length a query.
        fill: the score of what a mask does not select.
        zero: whether weights are multiplied by the mask that selects.
        block: queries of a work item.
        scores_tile: accumulators of the first product.
        values_tile: accumulators of the second.
    """

    heads: Extent
    queries: int
    keys: int
    size: int
    width: int
    q: Matrices
    k: Matrices
    v: Matrices
    y: Matrices
    lanes: int
    scale: float = 1.0
    kind: str = "none"
    mask: Matrices | None = None
    fill: float = 0.0
    zero: bool = False
    block: int = 1
    scores_tile: Tile = field(default=ONE_PIXEL)
    values_tile: Tile = field(default=ONE_PIXEL)

    def __post_init__(self) -> None:
        if self.kind not in MASKS or (self.mask is None) != (self.kind == "none"):
            raise CodegenError(f"attention has a mask of the kinds {', '.join(MASKS)}, not {self.kind} with {self.mask}")
        if self.y.column != 1 or (self.kind in ("add", "select") and self.mask is not None and self.mask.column not in (0, 1)):
            raise CodegenError(f"attention stores columns side by side and reads those of a mask so, not {self.y} and {self.mask}")

    @classmethod
    def plan(cls, target: CpuTarget, **fields: Any) -> "AttentionKernel":
        """Returns the kernel of the given fields with tiles that suit the target, and a block whose scores take half of the second cache at most."""
        draft = cls(lanes=target.lanes(), **fields)
        scores, values = (plan_rows(target, -(-columns // draft.lanes)) for columns in (draft.keys, draft.width))
        most = max(1, L2_BYTES // 2 // (4 * draft.keys))
        rows = scores.pixels
        block = max(rows, min(_MOST_QUERIES, most) // rows * rows)
        return replace(draft, block=min(draft.queries, block), scores_tile=scores, values_tile=values)

    @property
    def key_panels(self) -> Split:
        """How the vectors of keys are split into panels."""
        return Split(-(-self.keys // self.lanes), self.scores_tile.vectors)

    @property
    def value_panels(self) -> Split:
        """How the vectors of the results' columns are split into panels."""
        return Split(-(-self.width // self.lanes), self.values_tile.vectors)

    @property
    def pitch(self) -> int:
        """Elements from one row of scores to the next."""
        return self.key_panels.total * self.lanes

    @property
    def parts(self) -> dict[str, tuple[int, int]]:
        """The parts of the scratch memory with their first element and their size, each a whole number of vectors."""
        sizes = {"keys": self.pitch * self.size, "values": self.value_panels.total * self.lanes * self.keys, "scores": self.block * self.pitch,
                 "inverses": -(-self.block // 16) * 16, "queries": self.block * self.size}
        parts, first = {}, 0
        for name, size in sizes.items():
            parts[name] = first, size
            first += -(-size // 16) * 16
        return parts

    @property
    def scratch_bytes(self) -> int:
        """Bytes of scratch memory."""
        return 4 * sum(-(-size // 16) * 16 for _, size in self.parts.values())

    @property
    def blocks(self) -> int:
        """Blocks of queries of a head."""
        return -(-self.queries // self.block)

    @property
    def work(self) -> tuple[int, int]:
        """Work items: blocks of queries."""
        items = times(self.heads, self.blocks)
        return (items.coefficient, 0) if isinstance(items, N) else (0, items)

    def flops(self) -> int:
        """Returns the operations of one image: two products, and twenty for the exponential of each score."""
        heads = self.heads.coefficient if isinstance(self.heads, N) else self.heads
        return heads * self.queries * self.keys * (2 * self.size + 2 * self.width + 20)

    def emit(self, target: CpuTarget) -> str:
        """Returns the text of the LLVM module that defines `symbol(target)`."""
        from ngc.codegen.llvm.kernels.attention_emit import AttentionEmitter

        if self.lanes != target.lanes():
            raise CodegenError(f"attention in vectors of {self.lanes}; {target.name} has vectors of {target.lanes()}")
        module, b = self.open(target)
        AttentionEmitter(self, module, b, target).emit()
        return str(module)
