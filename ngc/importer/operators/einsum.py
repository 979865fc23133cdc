"""The subscripts of einsum: a letter names an axis, an ellipsis the axes that no letter names. A letter that an operand has twice names a diagonal."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters


@dataclass(frozen=True)
class Subscripts:
    """A label for every axis of each operand and of the result."""

    operands: tuple[str, ...]
    result: str


def parse_subscripts(text: str, ranks: Sequence[int]) -> Subscripts:
    """Returns the labels that `ij,jk->ik` gives to operands of some ranks. Without `->` the result has every label that stands once, in alphabetical order.

    Raises:
        ValueError: the text is malformed, or does not fit the operands.
    """
    left, arrow, right = text.replace(" ", "").partition("->")
    operands = left.split(",")
    if len(operands) != len(ranks):
        raise ValueError(f"{len(operands)} terms for {len(ranks)} operands")
    free = [label for label in ascii_letters if label not in text]
    counts = [rank - len(term.replace("...", "")) for term, rank in zip(operands, ranks, strict=True)]
    if any(count < 0 or (count > 0 and "..." not in term) for count, term in zip(counts, operands, strict=True)):
        raise ValueError(f"terms {left} do not name the axes of operands of {', '.join(map(str, ranks))} dimensions")
    widest = max((count for count, term in zip(counts, operands, strict=True) if "..." in term), default=0)
    shared = "".join(free[:widest])  # ellipses are aligned at the right
    labels = [term.replace("...", shared[widest - count:]) for term, count in zip(operands, counts, strict=True)]
    once = Counter("".join(labels).translate({ord(label): None for label in shared}))
    result = right.replace("...", shared) if arrow else shared + "".join(sorted(label for label, count in once.items() if count == 1))
    if len(set(result)) != len(result):
        raise ValueError(f"the result {result} names an axis twice")
    if not set(result) <= set("".join(labels)) or not set("".join((*labels, result))) <= set(ascii_letters):
        raise ValueError("labels of the result are letters that some operand has")
    return Subscripts(tuple(labels), result)
