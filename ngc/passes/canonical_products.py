"""Canonical rules of products of matrices.

    matmul(a, w)            =  dense(a, w^T)       w a constant matrix: its packed form is made once, and layers have passes of their own
    matmul(a, w^T)          =  dense(a, w)

Refuses to turn a's matrices, and element types that dense layers do not have.
"""

from ngc.ir import Graph, Node
from ngc.ir.rewrite import Match, Rewriter, Rule

DENSE_DTYPES = frozenset({"f32", "bf16"})
"""Floats that dense layers have kernels for."""


class ProductWithConstant(Rule):
    """A product whose right matrix is a constant is a dense layer."""

    equation = "matmul(a, w) = dense(a, w^T)"
    roots = frozenset({"matmul"})

    def match(self, node: Node, graph: Graph) -> Match | None:
        """Matches one constant matrix on the right, its only axes."""
        b = node.inputs[1]
        return {"root": node} if b.is_const and b.type.rank == 2 else None

    def check(self, match: Match, graph: Graph) -> str | None:
        """Says why it stays a product."""
        node = match["root"]
        if node.attrs["transpose_a"]:
            return f"%{node.inputs[0].name} is transposed"
        if node.type.dtype not in DENSE_DTYPES:
            return f"the data is {node.type.dtype}, and dense layers multiply {' or '.join(sorted(DENSE_DTYPES))}"
        return None

    def rewrite(self, match: Match, rewriter: Rewriter) -> None:
        """Puts the layer in the product's place; the constant is turned by a transpose, which folding takes."""
        node = match["root"]
        a, b, *steps = node.inputs
        if not node.attrs["transpose_b"]:
            b = rewriter.insert("transpose", (b,), {"axes": (1, 0)}, before=node, locs=node.locs, name=f"{b.name}_turned").output
        rewriter.update(node, "dense", (a, b, *steps), {"epilogue": node.attrs["epilogue"]})


RULES: tuple[type[Rule], ...] = (ProductWithConstant,)
