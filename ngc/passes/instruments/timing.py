"""Measures how long each pass takes."""

from dataclasses import dataclass, field

from ngc.ir import Graph
from ngc.passes.base import Pass
from ngc.passes.manager import Instrument


@dataclass
class Timing(Instrument):
    """Keeps (pass, seconds, changed) per pass that ran; `table()` shows them, the slowest share visible at a glance."""

    rows: list[tuple[str, float, bool]] = field(default_factory=list)

    def after(self, index: int, item: Pass, graph: Graph, changed: bool, seconds: float) -> None:
        self.rows.append((item.name, seconds, changed))

    def table(self) -> str:
        """Returns one line a pass: milliseconds, share, name; then the sum."""
        total = sum(seconds for _, seconds, _ in self.rows)
        lines = [f"{'ms':>10}  {'share':>6}  pass"]
        for name, seconds, changed in self.rows:
            share = 100 * seconds / total if total else 0.0
            lines.append(f"{seconds * 1e3:10.3f}  {share:5.1f}%  {name}{'' if changed else '  (changed nothing)'}")
        lines.append(f"{total * 1e3:10.3f}  {100 if self.rows else 0:5.1f}%  all {len(self.rows)} passes")
        return "\n".join(lines)
