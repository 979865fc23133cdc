"""Every MXNet operator that a deployed symbol can hold, with what it becomes and its state per target, as plain records."""

from collections.abc import Sequence
from typing import Any

from ngc.opt.catalog import Record, targets_of

_NEUTRAL = frozenset({"identity", "reshape"})
"""What stands around the operators that do the work of a row, or for constants: every target has them, which says nothing of the row."""

_TARGETS = ("cpu", "onnx", "stablehlo", "tensorrt")


def mxnet_operators() -> list[Record]:
    """Returns a record of each forward operator of MXNet 1.9.1, by name.

    `state` is "supported", "reference only" where nothing that it becomes has a kernel, "refused" or "excluded"; the last two come with `why`. Symbols that
    MXNet quantized or fused are read as the floating-point operators behind them, which `becomes` then names by their MXNet names.
    """
    from ngc.importer.mxnet_operators import ALIASES, EXCLUDED, REFUSED
    from ngc.importer.operator_names import canonical_operator
    from ngc.importer.operators import OPERATORS
    from ngc.importer.quantized_symbol import QUANTIZED_OPERATORS

    aliased = {alias for aliases in ALIASES.values() for alias in aliases}
    own: dict[str, tuple[str, ...]] = {name: () for name in sorted(OPERATORS) if name not in ALIASES and name not in aliased}
    records = []
    for name, aliases in {**ALIASES, **own}.items():
        known = next((each for each in map(canonical_operator, (name, *aliases)) if each in OPERATORS), name)
        record: Record = {"name": name, "aliases": list(aliases)}
        if known in OPERATORS:
            records.append({**record, **_supported(OPERATORS[known].becomes)})
        elif name in QUANTIZED_OPERATORS:
            sources = QUANTIZED_OPERATORS[name]
            records.append({**record, **_supported([op for source in sources for op in OPERATORS[source].becomes]), "becomes": list(sources)})
        elif name in EXCLUDED:
            records.append({**record, "state": "excluded", "why": EXCLUDED[name]})
        else:
            records.append({**record, "state": "refused", "why": REFUSED.get(name, "no converter")})
    return sorted(records, key=lambda entry: str(entry["name"]).lower())


def _supported(becomes: Sequence[str]) -> Record:
    """Returns the state of an operator that the importer knows: what all of the operators that it becomes have, on each target."""
    working = [op for op in becomes if op not in _NEUTRAL] or becomes
    targets = {target: _together([targets_of(op)[target] for op in working]) for target in _TARGETS}
    return {"state": "reference only" if targets["cpu"]["state"] == "no" else "supported", "becomes": list(becomes), "targets": targets}


def _together(states: Sequence[Record]) -> Record:
    """Returns "yes" or "no" where all parts agree, else "some": no node becomes all of the operators that its row names."""
    found: set[Any] = {state["state"] for state in states}
    if found <= {"yes"}:
        return {"state": "yes"}
    if found == {"no"}:
        return {"state": "no", "why": "; ".join(dict.fromkeys(state["why"] for state in states))}
    return {"state": "some"}
