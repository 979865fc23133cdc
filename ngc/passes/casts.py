"""Casts between f32 and a narrower float type, each made once for all that read it: what passes that narrow values have in common."""

from dataclasses import dataclass, field

from ngc.ir import Node, Value
from ngc.ir.rewrite import Rewriter


@dataclass
class Casts:
    """Makes values narrow or wide for their readers.

    Attributes:
        rewriter: inserts the casts.
        narrow: the narrow element type.
        narrowed: values that were f32 and are narrow now. Others of that type, which the model had before, are not widened.
    """

    rewriter: Rewriter
    narrow: str
    narrowed: dict[Value, None] = field(default_factory=dict)
    _made: dict[tuple[Value, str], Value] = field(default_factory=dict)

    def cast(self, value: Value, dtype: str, *, before: Node) -> Value:
        """Returns a value in an element type, f32, the narrow one or empty for the one it has, through a cast before a node where it has another."""
        if value.type.dtype == dtype or not dtype or not (value in self.narrowed or (dtype == self.narrow and value.type.dtype == "f32")):
            return value
        key = (value, dtype)
        if key not in self._made:
            locs = value.producer.locs if value.producer is not None else before.locs
            self._made[key] = self.rewriter.insert("cast", [value], {"dtype": dtype}, before=before, locs=locs, name=f"{value.name}.{dtype}").output
        return self._made[key]

    def widen_outputs(self) -> None:
        """Lets the graph return f32 where it did before."""
        graph = self.rewriter.graph
        for value in dict.fromkeys(graph.outputs):
            if value in self.narrowed:
                self.rewriter.return_instead(value, self.cast(value, "f32", before=graph.nodes[-1]))
        self.rewriter.sort()  # the last node may be what is cast
