"""The lists of ngc-opt as text and as JSON; `catalog` has what is in them."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ngc.ir import STAGES
from ngc.ir.printer import format_value
from ngc.opt import catalog, mxnet_catalog
from ngc.opt.catalog import Record


def passes_text(records: Sequence[Record]) -> str:
    """Returns each pass with what it does and its options, their defaults and types."""
    lines = []
    for record in records:
        lines.append(record["name"] + ("  (always runs)" if record["always_runs"] else ""))
        lines += (f"    {line}".rstrip() for line in record["doc"].splitlines())
        lines += (f"    {option['name']}={_default(option['default'])}  ({option['type']})  {option['doc']}".rstrip() for option in record["options"])
    return "\n".join(lines)


def ops_text(records: Sequence[Record]) -> str:
    """Returns each operator with its signature, stages, MXNet's operators and the targets' state, then the steps."""
    lines = []
    for record in records:
        attrs = ", ".join(map(_attribute, record["attributes"]))
        lines.append(f"{record['name']}({', '.join(record['operands'])})" + (f" {{{attrs}}}" if attrs else ""))
        stages = "" if tuple(record["stages"]) == STAGES else f" Stages: {', '.join(record['stages'])}."
        lines.append(f"    {record['doc']}{stages}")
        if record["traits"]:
            lines.append(f"    traits: {', '.join(record['traits'])}")
        if record["mxnet"]:
            lines.append(f"    MXNet: {', '.join(record['mxnet'])}")
        lines.append("    " + "; ".join(_state(name, state) for name, state in record["targets"].items()))
    lines += ["", "steps of prologues and epilogues:"]
    for step in catalog.steps():
        arguments = ",".join((*(f"%{kind}" for kind in step["operands"]), *step["params"]))
        lines.append(f"    {step['name']}" + (f"({arguments})" if arguments else "") + f"  {step['doc']}")
    return "\n".join(lines)


def mxnet_ops_text(records: Sequence[Record]) -> str:
    """Returns each MXNet operator with its aliases, its state and why, what it becomes, and what each target has for that."""
    lines = []
    for record in records:
        lines.append(f"{record['name']}{''.join(f' = {alias}' for alias in record['aliases'])}")
        lines.append(f"    {record['state']}" + (f": {record['why']}" if "why" in record else f", becomes {', '.join(record['becomes']) or 'nothing'}"))
        if "targets" in record:
            lines.append("    " + "; ".join(_state(name, state) for name, state in record["targets"].items()))
    counts = Counter(record["state"] for record in records)
    return "\n".join([*lines, "", ", ".join(f"{count} {state}" for state, count in counts.most_common())])


def pipelines_text(records: Sequence[Record]) -> str:
    """Returns each named pipeline with its passes."""
    return "\n".join(f"{record['name']}\n    {record['text']}" for record in records)


_LISTS: Mapping[str, tuple[Callable[[], list[Record]], Callable[[Sequence[Record]], str]]] = {
    "passes": (catalog.passes, passes_text),
    "ops": (catalog.operators, ops_text),
    "mxnet_ops": (mxnet_catalog.mxnet_operators, mxnet_ops_text),
    "pipelines": (catalog.pipelines, pipelines_text),
}
"""What can be listed without an input: the records and their text."""


def listing(wanted: Sequence[str], *, as_json: bool) -> str:
    """Returns lists as text, one after the other, or as one JSON object with a key for each."""
    if not as_json:
        return "\n\n".join(text(records()) for records, text in (_LISTS[name] for name in wanted))
    content: dict[str, Any] = {name: _LISTS[name][0]() for name in wanted}
    if "ops" in content:
        content["steps"] = catalog.steps()
    return json.dumps(content, indent=1, default=str)


def _attribute(record: Record) -> str:
    kind = " | ".join(record["choices"]) if record["choices"] else record["type"]
    return f"{record['name']}: {kind}" + ("" if record["required"] else f" = {format_value(record['default'])}")


def _default(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else str(value)


def _state(name: str, record: Record) -> str:
    detail = ", ".join(record["as"]) if "as" in record else record.get("why", "")
    return f"{name} {record['state']}" + (f" ({detail})" if detail else "")
