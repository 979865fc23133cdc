"""What ngc-opt lists: passes, operators, named pipelines."""

import inspect
from dataclasses import fields
from typing import get_type_hints

from ngc.ir import STAGES, opdefs
from ngc.ir.opdef import REQUIRED, Attr
from ngc.ir.printer import format_value
from ngc.ir.steps import STEPS
from ngc.passes import PASSES, PIPELINES


def list_passes() -> str:
    """Returns each pass with what it does and its options, their types and defaults."""
    lines = []
    for name, load in PASSES.items():
        kind = load()
        lines.append(f"{name}{'  (always runs)' if kind.required else ''}")
        lines += (f"    {line}".rstrip() for line in (inspect.getdoc(kind) or "").splitlines())
        hints = get_type_hints(kind)
        default = kind()
        for option in fields(kind):
            value = getattr(default, option.name)
            shown = ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else str(value)
            lines.append(f"    {option.name.replace('_', '-')}={shown}  ({_type_name(hints[option.name])})")
    return "\n".join(lines)


def list_ops() -> str:
    """Returns each operator with its operands, attributes and the stages that it is legal in, then the steps."""
    lines = []
    for definition in sorted(opdefs().values(), key=lambda definition: definition.name):
        attrs = ", ".join(_attr(name, attr) for name, attr in definition.attrs.items())
        lines.append(f"{definition.name}({', '.join(definition.operands)})" + (f" {{{attrs}}}" if attrs else ""))
        lines.append(f"    {definition.doc}" + ("" if definition.stages == STAGES else f" Stages: {', '.join(definition.stages)}."))
    lines.append("")
    lines.append("steps of prologues and epilogues:")
    for name, step in STEPS.items():
        arguments = ",".join((*(f"%{kind}" for kind in step.operands), *step.params))
        lines.append(f"    {name}" + (f"({arguments})" if arguments else "") + f"  {step.doc}")
    return "\n".join(lines)


def list_pipelines() -> str:
    """Returns each named pipeline with its passes."""
    return "\n".join(f"@{name}\n    {text}" for name, text in PIPELINES.items())


def _attr(name: str, attr: Attr) -> str:
    kind = " | ".join(attr.choices) if attr.choices else attr.kind
    return f"{name}: {kind}" + ("" if attr.default is REQUIRED else f" = {format_value(attr.default)}")


def _type_name(hint: object) -> str:
    return (hint.__name__ if isinstance(hint, type) and not hasattr(hint, "__args__") else str(hint)).replace("tuple[str, ...]", "names by commas").replace(
        "tuple[int, ...]", "whole numbers by commas")
