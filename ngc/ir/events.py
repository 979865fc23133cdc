"""The one stream of decisions: rules that fired or refused, algorithms, layouts and precisions chosen, each with its reason.

Traces, statistics, bisection, debug counters and the HTML index all read this stream.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ngc.ir.loc import Loc


@dataclass(frozen=True)
class Event:
    """One decision about one node. `status` is applied, refused, skipped or chosen."""

    number: int
    pass_name: str
    rule: str
    status: str
    node: str
    reason: str = ""
    locs: tuple[Loc, ...] = ()

    def __str__(self) -> str:
        return f"#{self.number} {describe_decision(self.pass_name, self.rule, self.status, self.node, self.reason, self.locs)}"


def describe_decision(pass_name: str, rule: str, status: str, node: str, reason: str, locs: tuple[Loc, ...]) -> str:
    """Returns `pass/rule status %node [MXNet nodes]: reason`."""
    where = f" [{', '.join(loc.name for loc in locs)}]" if locs else ""
    return f"{pass_name}/{rule} {status} %{node}{where}" + (f": {reason}" if reason else "")


@dataclass
class EventStream:
    """Events in order; listeners hear each as it happens."""

    events: list[Event] = field(default_factory=list)
    listeners: list[Callable[[Event], None]] = field(default_factory=list)

    def record(self, pass_name: str, rule: str, status: str, node: str, reason: str = "", locs: tuple[Loc, ...] = ()) -> Event:
        """Appends an event, numbers it from 1 and tells the listeners."""
        event = Event(len(self.events) + 1, pass_name, rule, status, node, reason, locs)
        self.events.append(event)
        for listener in self.listeners:
            listener(event)
        return event

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)
