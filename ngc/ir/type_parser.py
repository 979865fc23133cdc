"""Reads the text form of types: element type, shape, memory layout and quantization."""

import re

from ngc.errors import VerifyError
from ngc.ir.cursor import Cursor
from ngc.ir.tensor_type import DTYPES, MOST_RANK, MOST_SIZE, PLAIN, Dim, Layout, Quant, SymDim, TensorType, check_size

_SYMBOLIC = re.compile(r"(?:[0-9]+\*)?N\b")
_BLOCK = re.compile(r"c(?=[0-9])")
_DTYPE_NAMES = (*DTYPES, "bf16")


def parse_type(cursor: Cursor) -> TensorType:
    """Reads `f32[N,64,56,56]<c16 halo=[1,1,1,1] fill=0.5><q scale=[0.1] zero_point=3 axis=1>`."""
    start = cursor.skip()
    dtype = cursor.word("a type such as f32[1,3,224,224]")
    if dtype not in _DTYPE_NAMES:
        cursor.fail(f"unknown element type {dtype!r}; known: {', '.join(_DTYPE_NAMES)}", start)
    cursor.expect("[", f"after {dtype}")
    shape: list[Dim] = []
    while not cursor.accept("]"):
        if shape:
            cursor.expect(",", "or ']' after a dimension")
        shape.append(_dimension(cursor))
    layout, quant = PLAIN, None
    while cursor.accept("<"):
        if layout is PLAIN and quant is None and cursor.match(_BLOCK) is not None:
            layout = _layout(cursor)
        elif quant is None and cursor.accept("q"):
            quant = _quant(cursor)
        else:
            cursor.fail("expected one layout such as c16, then one quantization such as q scale=[0.1] zero_point=0")
        cursor.expect(">", "at the end of the layout or quantization")
    type = TensorType(tuple(shape), dtype, layout, quant)
    try:
        check_size(type)
    except VerifyError as error:
        cursor.fail(str(error), start)
    return type


def try_symbolic(cursor: Cursor) -> SymDim | None:
    """Reads a multiple of N, such as `4*N`; None where none comes."""
    text = cursor.match(_SYMBOLIC)
    if text is None:
        return None
    factor = text.rpartition("*")[0]
    if len(factor) > 15 or (factor and not 1 <= int(factor) <= MOST_SIZE):
        cursor.fail(f"a multiple of N must lie between 1 and {MOST_SIZE}", cursor.position - len(text))
    return SymDim(int(factor or 1))


def _layout(cursor: Cursor) -> Layout:
    block = cursor.integer("a block of channels", 1, 1 << 12)
    halo: tuple[tuple[int, int], ...] = ()
    fill = 0.0
    if cursor.accept("halo="):
        sides = _integers(cursor, "a halo's width", 1 << 20)
        if len(sides) % 2:
            cursor.fail("a halo has two widths, before and after, for every spatial dimension")
        halo = tuple(zip(sides[::2], sides[1::2], strict=True))
    if cursor.accept("fill="):
        fill = cursor.number_value("the halo's value")
    return Layout(block, halo, fill)


def _quant(cursor: Cursor) -> Quant:
    cursor.expect("scale=", "after q")
    start = cursor.skip()
    scales: list[float] = []
    while cursor.accept("," if scales else "["):
        scales.append(cursor.number_value("a scale"))
    if not scales:
        cursor.fail("a scale is a list of at least one number", start)
    cursor.expect("]", "after the scales")
    cursor.expect("zero_point=", "after the scales")
    zero_point = cursor.integer("the zero point", -(1 << 31), 1 << 31)
    axis = cursor.integer("the channel axis", 0, MOST_RANK) if cursor.accept("axis=") else None
    return Quant(tuple(scales), zero_point, axis)


def _integers(cursor: Cursor, what: str, most: int) -> list[int]:
    cursor.expect("[", "before a list")
    items: list[int] = []
    while not cursor.accept("]"):
        if items:
            cursor.expect(",", "or ']' in a list")
        items.append(cursor.integer(what, 0, most))
    return items


def _dimension(cursor: Cursor) -> Dim:
    symbolic = try_symbolic(cursor)
    return cursor.integer("a dimension", 0, MOST_SIZE) if symbolic is None else symbolic
