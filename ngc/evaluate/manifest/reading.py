"""Manifests from YAML and back, with what is wrong in one told in the file's own terms."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ngc.errors import shorten
from ngc.evaluate.manifest.document import Document, FieldPath, Problem, raise_problems, read_document, spell
from ngc.evaluate.manifest.fields import IMAGE, OTHER, TEXTS, Fields, ImageInput, ManifestFields, OtherInput
from ngc.evaluate.manifest.manifest import Manifest

_INPUTS: Mapping[str | int, type[Fields]] = {IMAGE: ImageInput, OTHER: OtherInput}


def load_manifest(path: "Path | str") -> Manifest:
    """Returns the manifest of a file.

    Raises:
        ManifestError: all that is wrong with it, each with its line.
    """
    document = read_document(Path(path), TEXTS)
    try:
        return Manifest.model_validate(document.data, context={"source": document.source})
    except ValidationError as error:
        raise_problems(document.source, [_problem(document, details) for details in error.errors(include_url=False)])
        raise AssertionError("pydantic found an error without saying which") from error


def to_yaml(manifest: Manifest) -> str:
    """Returns a manifest as a file says it, with what was read and nothing that was not; `load_manifest` reads the same from it."""
    return yaml.dump(manifest.model_dump(exclude_unset=True), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """Writes lists of numbers in one line, and no aliases, which readers would have to look up."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        plain = all(isinstance(item, (int, float)) for item in sequence)
        return super().represent_sequence(tag, sequence, flow_style=plain)


def _problem(document: Document, details: ErrorDetails) -> Problem:
    """Returns pydantic's finding in a manifest's terms: what is there, and what the field takes."""
    path: FieldPath = tuple(part for part in details["loc"] if part not in _INPUTS)
    context = details.get("ctx", {})
    loc = details["loc"]
    if details["type"] == "problem":
        loc, path = (*loc, context["field"]), (*path, context["field"])
    if text := context.get("text"):
        return Problem(document.place(path), spell(path), text)
    present, value = _look_up(document.data, path)
    there = _shown(value) if present else "missing"
    return Problem(document.place(path), spell(path), f"{there}; expected: {_accepted(loc)}")


def _look_up(data: Any, path: FieldPath) -> tuple[bool, Any]:
    for part in path:
        if not (isinstance(data, Mapping) and part in data) and not (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            return False, None
        data = data[part]  # type: ignore[index]  # an index for a list, a name for a mapping
    return True, data


def _accepted(loc: tuple[str | int, ...]) -> str:
    """Returns the description of a field; of the innermost one that has a description, where the place is within a list or an unknown mapping."""
    fields: type[Fields] | None = ManifestFields
    accepted = "a mapping of fields"
    for part in loc:
        if part in _INPUTS:
            fields = _INPUTS[str(part)]
        elif fields is not None and part in fields.model_fields:
            field = fields.model_fields[str(part)]
            accepted = field.description or accepted
            fields = field.annotation if isinstance(field.annotation, type) and issubclass(field.annotation, Fields) else None
    return accepted


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    return shorten(repr(value))
