"""How a format that engines read writes an operator of the IR, or why it has no form for it.

Each format has a table with one row for every operator, so that none is forgotten; a test holds the tables complete.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ngc.ir import Node

Refusal = Callable[[Node], str | None]
"""Returns why a node has no form, by its attributes and types; None where it has one."""


@dataclass(frozen=True)
class Form:
    """One row: the format's operators that an IR operator becomes, or why there are none.

    Attributes:
        ops: names of the format's operators, for documentation and tests; empty where it has no form.
        reason: why there is no form.
        refuse: returns why a node, by its attributes and types, has no form although its operator has one; None where it has.
    """

    ops: tuple[str, ...] = ()
    reason: str = ""
    refuse: Refusal | None = None

    def why_not(self, node: Node) -> str | None:
        """Returns why a node has no form, None where it has one."""
        if not self.ops:
            return self.reason
        return self.refuse(node) if self.refuse is not None else None


def why_not(forms: Mapping[str, Form], node: Node) -> str | None:
    """Returns why a table has no form for a node, None where it has one."""
    return forms[node.op].why_not(node)


