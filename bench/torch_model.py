"""PyTorch modules of imported graphs: what `torch.compile` is fed, operator by operator what a user would have written by hand.

Batch norms stay batch norms and weights stay as they are: folding and packing them is the compiler's part.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ngc.ir.graph import Graph, Node
from ngc.ir.ops.convolution import pads
from ngc.ir.steps import Step
from ngc.ir.tensor_type import TensorType


class UnsupportedNode(Exception):
    """A node, or a form of it, that has no counterpart here; the message names it."""


def to_module(graph: Graph) -> torch.nn.Module:
    """Returns a canonical graph of one input and one output as a module in evaluation mode: its constants are parameters, its `forward` is straight-line code.

    Raises:
        UnsupportedNode: the graph holds an operator, or a form of one, that has no counterpart here.
    """
    root, code = torch.nn.Module(), torch.fx.Graph()
    writer = torch.fx.proxy.GraphAppendingTracer(code)  # calls on proxies are written down instead of done
    values = {graph.inputs[0].name: torch.fx.Proxy(code.placeholder("data"), writer)}
    for node in graph:
        if node.op == "const":
            key = f"weight{len(values)}"  # names of values may hold dots
            root.register_parameter(key, torch.nn.Parameter(torch.from_numpy(np.array(node.output.array)), requires_grad=False))
            values[node.name] = torch.fx.Proxy(code.get_attr(key), writer)
        elif node.op in _OPERATORS:
            values[node.name] = _OPERATORS[node.op](node, *(values[value.name] for value in node.inputs))
        else:
            raise UnsupportedNode(f"%{node.name}: {node.op} has no counterpart in PyTorch here; these have: {', '.join(_OPERATORS)}")
    code.output(values[graph.outputs[0].name].node)
    return torch.fx.GraphModule(root, code).eval()


def _bias(node: Node, operands: Sequence[Tensor]) -> Tensor | None:
    """Returns the bias among the operands that follow the weights; other steps come with later stages."""
    steps = node.attrs["epilogue"]
    if steps not in ((), (Step("bias"),)):
        raise UnsupportedNode(f"%{node.name}: {node.op} with steps other than a bias: {', '.join(step.kind for step in steps)}")
    return operands[0] if steps else None


def _conv(node: Node, x: Tensor, w: Tensor, *operands: Tensor) -> Tensor:
    attrs = node.attrs
    if any(before != after for before, after in pads(attrs)):
        raise UnsupportedNode(f"%{node.name}: padding of {attrs['pad']} at the beginning and {attrs['pad_end']} at the end")
    return functional.conv2d(x, w, _bias(node, operands), attrs["stride"], attrs["pad"], attrs["dilate"], attrs["groups"])


def _dense(node: Node, x: Tensor, w: Tensor, *operands: Tensor) -> Tensor:
    return functional.linear(x, w, _bias(node, operands))


def _batch_norm(node: Node, x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, var: Tensor) -> Tensor:
    if node.attrs["axis"] != 1:
        raise UnsupportedNode(f"%{node.name}: a batch norm along axis {node.attrs['axis']}")
    return functional.batch_norm(x, mean, var, None if node.attrs["fix_gamma"] else gamma, beta, eps=node.attrs["eps"])


def _spatial(type: TensorType) -> tuple[int, ...]:
    return tuple(dim for dim in type.shape[2:] if isinstance(dim, int))  # all: none depends on N


def _pool(node: Node, x: Tensor) -> Tensor:
    attrs, size = node.attrs, _spatial(node.inputs[0].type)
    kind, kernel, stride, pad, full = attrs["kind"], attrs["kernel"], attrs["stride"], attrs["pad"], attrs["convention"] == "full"
    if len(kernel) != 2 or kind not in ("max", "avg"):
        raise UnsupportedNode(f"%{node.name}: a pool of kind {kind} with kernel {kernel}")
    if kernel == size and not any(pad):  # as users write global pools
        return functional.adaptive_avg_pool2d(x, 1) if kind == "avg" else functional.adaptive_max_pool2d(x, 1)
    if any((count - 1) * step >= extent + before for count, step, extent, before in zip(_spatial(node.type), stride, size, pad, strict=True)):
        raise UnsupportedNode(f"%{node.name}: windows that begin in the padding at the end, which PyTorch leaves out")
    if kind == "max":
        return functional.max_pool2d(x, kernel, stride, pad, ceil_mode=full)
    return functional.avg_pool2d(x, kernel, stride, pad, full, attrs["count_include_pad"])


def _lrn(node: Node, x: Tensor) -> Tensor:
    attrs = node.attrs
    return functional.local_response_norm(x, attrs["size"], attrs["alpha"], attrs["beta"], attrs["knorm"])


def _softmax(node: Node, x: Tensor) -> Tensor:
    return functional.softmax(x / node.attrs["temperature"], node.attrs["axis"])


def _commutative(function: Callable[[Tensor, Tensor | float], Tensor]) -> Callable[..., Tensor]:
    """Returns the form of an operator of two operands in any order, of which one may be the attribute `scalar`."""
    return lambda node, a, *b: function(a, b[0] if b else node.attrs["scalar"])


_OPERATORS: dict[str, Callable[..., Tensor]] = {
    "conv2d": _conv,
    "dense": _dense,
    "batch_norm": _batch_norm,
    "pool": _pool,
    "lrn": _lrn,
    "softmax": _softmax,
    "relu": lambda node, x: functional.relu(x),
    "clip": lambda node, x: functional.hardtanh(x, node.attrs["a_min"], node.attrs["a_max"]),
    "leaky_relu": lambda node, x: functional.leaky_relu(x, node.attrs["slope"]),
    "sigmoid": lambda node, x: torch.sigmoid(x),
    "tanh": lambda node, x: torch.tanh(x),
    "add": _commutative(torch.add),
    "mul": _commutative(torch.mul),
    "concat": lambda node, *parts: torch.cat(parts, node.attrs["axis"]),
    "reshape": lambda node, x: torch.reshape(x, node.attrs["shape"]),
}
"""Operators of the canonical stage: those of MXNet's vision zoo and their near relatives."""
