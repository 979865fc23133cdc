"""What MXNet 1.9.1 changes in symbols of older versions when it reads them, in its order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ngc.importer.operator_names import input_names
from ngc.importer.symbol import VARIABLE, Entry, SymbolNode

RUNNING_VERSION = 10901
DEFAULT_VERSION = 800

_HIDDEN_KEYS = ("ctx_group", "lr_mult", "wd_mult", "force_mirroring", "mirror_stage")


def upgrade(
    nodes: Sequence[SymbolNode], heads: Sequence[Entry], version: int
) -> tuple[tuple[SymbolNode, ...], tuple[Entry, ...]]:
    """Returns nodes and heads as a file of the running version would state them."""
    upgraded, new_heads = tuple(nodes), tuple(heads)
    if version < RUNNING_VERSION:
        upgraded = _hide_keys(upgraded)
    if version < 900:
        upgraded, new_heads = _add_missing_inputs(upgraded, new_heads)
    if version < 905:
        upgraded = tuple(_unset_flat_axis(node) for node in upgraded)
    return upgraded, new_heads


def _hidden_key(key: str) -> str | None:
    for hidden in _HIDDEN_KEYS:
        if key == hidden or key.endswith("_" + hidden):
            return hidden
    return None


def _hide_keys(nodes: tuple[SymbolNode, ...]) -> tuple[SymbolNode, ...]:
    """Moves `lr_mult` and its like out of the operators' parameters.

    The exact key becomes `__lr_mult__` of the node; `weight_lr_mult` on an operator becomes `__lr_mult__` of
    the variable that is its input `weight`.
    """
    attrs: list[Mapping[str, str]] = [node.attrs for node in nodes]
    hidden: list[dict[str, str]] = [dict(node.hidden) for node in nodes]
    for position, node in enumerate(nodes):
        moved = [key for key in node.attrs if _hidden_key(key) is not None]
        if not moved:
            continue
        attrs[position] = {key: text for key, text in node.attrs.items() if key not in moved}
        names = input_names(node.op, node.attrs)
        for key in moved:
            kind = _hidden_key(key)
            owner = key.removesuffix(f"_{kind}")
            if key == kind:
                hidden[position][f"__{kind}__"] = node.attrs[key]
            elif (
                owner in names[: len(node.inputs)] and nodes[node.inputs[names.index(owner)].node].is_variable
            ):
                hidden[node.inputs[names.index(owner)].node][f"__{kind}__"] = node.attrs[key]
            else:
                hidden[position][key] = node.attrs[key]
    return tuple(
        replace(node, attrs=attrs[position], hidden=hidden[position]) for position, node in enumerate(nodes)
    )


def _add_missing_inputs(
    nodes: tuple[SymbolNode, ...], heads: tuple[Entry, ...]
) -> tuple[tuple[SymbolNode, ...], tuple[Entry, ...]]:
    """Adds a variable `{operator}_{input}` for each input left out (moving averages, labels)."""
    upgraded: list[SymbolNode] = []
    position_of: list[int] = []
    for node in nodes:
        inputs = [Entry(position_of[entry.node], entry.output) for entry in node.inputs]
        for name in input_names(node.op, node.attrs)[len(inputs) :]:
            inputs.append(Entry(len(upgraded), 0))
            upgraded.append(SymbolNode(node.index, VARIABLE, f"{node.name}_{name}", {}, node.hidden))
        position_of.append(len(upgraded))
        control_deps = tuple(position_of[dep] for dep in node.control_deps)
        upgraded.append(replace(node, inputs=tuple(inputs), control_deps=control_deps))
    return tuple(upgraded), tuple(Entry(position_of[head.node], head.output) for head in heads)


def _unset_flat_axis(node: SymbolNode) -> SymbolNode:
    """Drops axis=-1 of argmax and argmin, which before 0.9.5 meant the flattened array."""
    if node.op not in ("argmax", "argmin") or node.attrs.get("axis") != "-1":
        return node
    return replace(node, attrs={key: text for key, text in node.attrs.items() if key != "axis"})
