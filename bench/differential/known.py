"""What is known to differ, and why: MXNet's own bugs, and what ngc computes though MXNet refuses it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from bench.differential.case import Call, Case, Input


@dataclass(frozen=True)
class Known:
    """A difference with its reason.

    Attributes:
        title: what happens, for the list in docs/operators.md.
        ops: the operators that it is about; none for all.
        kinds: of verdicts that it explains.
        case: the smallest case.
        pattern: what the verdict's text, or MXNet's message, must hold.
        applies: whether a case is of this kind.
    """

    title: str
    ops: tuple[str, ...]
    kinds: tuple[str, ...]
    case: Case
    pattern: str = ""
    applies: Callable[[Case], bool] = lambda case: True

    def explains(self, case: Case, kind: str, text: str) -> bool:
        """Whether this is why a case has a verdict."""
        touches = not self.ops or any(call.op in self.ops for call in case.calls)
        return kind in self.kinds and touches and re.search(self.pattern, text) is not None and self.applies(case)


def one(op: str, *inputs: Input, **attrs: str) -> Case:
    """Returns the case of one call."""
    return Case((Call(op, "n0", tuple(item.name for item in inputs), tuple(attrs.items())),), inputs, ("n0",))


def gives(case: Case, *keys: str) -> bool:
    """Whether a call of the case gives one of these attributes."""
    return any(key in keys for call in case.calls for key, _ in call.attrs)
