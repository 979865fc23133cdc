"""What there is, as plain records: passes, operators, steps and named pipelines. `listing` writes them as text, `--list-... --json` as they are."""

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from ngc.engines.forms import Form
from ngc.engines.onnx_forms import ONNX_FORMS
from ngc.engines.stablehlo_forms import STABLEHLO_FORMS
from ngc.engines.tensorrt_support import tensorrt_form
from ngc.ir import OpDef, opdefs
from ngc.ir.opdef import REQUIRED, Attr
from ngc.ir.steps import STEPS
from ngc.passes import PASSES, PIPELINES, Pass, parse_pipeline

Record = dict[str, Any]


def passes() -> list[Record]:
    """Returns a record of each pass: what it does, its options with types, defaults and meaning, and its equations and refusals."""
    return [_pass(name, load()) for name, load in PASSES.items()]


def _pass(name: str, kind: type[Pass]) -> Record:
    summary, options = _sections(inspect.getdoc(kind) or "")
    hints, default = get_type_hints(kind), kind()
    return {
        "name": name,
        "always_runs": kind.required,
        "declares_stage": kind.declares or None,
        "doc": summary,
        "options": [{"name": option.name.replace("_", "-"), "type": _type_name(hints[option.name]), "default": getattr(default, option.name),
                     "doc": options.get(option.name, "")} for option in fields(kind)],
        "details": inspect.getdoc(inspect.getmodule(kind)) or "",
    }


def _sections(doc: str) -> tuple[str, dict[str, str]]:
    """Returns a class's docstring without its section Attributes, and what that section says of each attribute."""
    summary, _, attributes = doc.partition("\n\nAttributes:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE)
    return summary, {name: " ".join(text.split()) for name, text in found}


def _type_name(hint: object) -> str:
    plain = str(hint).replace("tuple[str, ...]", "names by commas").replace("tuple[int, ...]", "whole numbers by commas")
    return hint.__name__ if isinstance(hint, type) and not hasattr(hint, "__args__") else plain


def operators() -> list[Record]:
    """Returns a record of each IR operator, by name: its signature, the MXNet operators that become it, and what each target has for it."""
    sources = mxnet_sources()
    return [_operator(definition, sources.get(name, [])) for name, definition in sorted(opdefs().items())]


def _operator(definition: OpDef, sources: list[str]) -> Record:
    return {
        "name": definition.name,
        "doc": definition.doc,
        "operands": list(definition.operands),
        "attributes": [_attribute(name, attr) for name, attr in definition.attrs.items()],
        "traits": sorted(definition.traits),
        "stages": list(definition.stages),
        "mxnet": sources,
        "targets": targets_of(definition.name),
    }


def _attribute(name: str, attr: Attr) -> Record:
    required = attr.default is REQUIRED
    return {"name": name, "type": attr.kind, "choices": list(attr.choices), "required": required, **({} if required else {"default": attr.default})}


def mxnet_sources() -> Mapping[str, list[str]]:
    """Returns the MXNet operators that become each IR operator, alone or with others, by the importer's table."""
    from ngc.importer.operators import OPERATORS  # only this list needs the importer

    sources: dict[str, list[str]] = {}
    for name, operator in sorted(OPERATORS.items()):
        for op in operator.becomes:
            sources.setdefault(op, []).append(name)
    return sources


def targets_of(op: str) -> Record:
    """Returns what each target has for an operator: `{"state": yes, some or no, "as": names, "why": text}`.

    "some" stands for rows that refuse nodes by their attributes; element types that a target lacks as a whole are not counted.
    """
    forms = (("onnx", ONNX_FORMS[op]), ("stablehlo", STABLEHLO_FORMS[op]), ("tensorrt", tensorrt_form(op)))
    return {"cpu": _kernel(op), **{name: _form(form) for name, form in forms}}


def _kernel(op: str) -> Record:
    """Returns whether code generation handles an operator. What has no kernel of its own is a constant, removed by passes, or an engine's call."""
    from ngc.codegen.llvm.lower import handlers  # only this list needs the code generator

    if op in handlers():
        return {"state": "yes"}
    if op == "const":
        return {"state": "yes", "why": "packed into the blob of weights"}
    if op == "engine.call":
        return {"state": "yes", "why": "calls the engine"}
    if op == "dropout":
        return {"state": "yes", "why": "removed by canonicalize"}
    return {"state": "no", "why": 'no kernel; fallback="reference" runs it in numpy'}


def _form(form: Form) -> Record:
    if not form.ops:
        return {"state": "no", "why": form.reason}
    return {"state": "yes" if form.refuse is None else "some", "as": list(form.ops)}


def steps() -> list[Record]:
    """Returns a record of each step of prologues and epilogues."""
    return [{"name": name, "operands": list(step.operands), "params": list(step.params), "doc": step.doc} for name, step in STEPS.items()]


def pipelines() -> list[Record]:
    """Returns a record of each named pipeline: its text and its passes one by one."""
    return [{"name": f"@{name}", "text": text, "passes": [item.spec for item in parse_pipeline(text)]} for name, text in PIPELINES.items()]

