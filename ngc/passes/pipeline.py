"""Pipelines as text: `canonicalize,fold-batch-norm,fuse-conv{acts=relu,clip}` and the named ones, `@cpu-fp32`."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from ngc.errors import ParseError
from ngc.passes.base import Pass
from ngc.passes.registry import PASSES, PIPELINES

_ITEM = re.compile(r"\s*(?P<name>@?[A-Za-z0-9-]+)\s*(\{(?P<options>[^{}]*)\})?\s*(?P<end>,|$)")


def parse_pipeline(text: str, own: Mapping[str, type[Pass]] | None = None) -> list[Pass]:
    """Returns the passes that a pipeline text names; those of `own` come before, and in named pipelines in place of, registered ones of the same name.

    Raises:
        ParseError: text that is no pipeline, or an unknown pass or named pipeline; the message has a caret under the place.
        PassError: an option that a pass does not take.
    """
    own = own or {}
    passes: list[Pass] = []
    position = 0
    while position < len(text.rstrip()):
        item = _ITEM.match(text, position)
        if item is None:
            raise ParseError(_at(text, position, "expected a pass: name or name{option=value option=value}"))
        name = item["name"]
        if name.startswith("@"):
            if name[1:] not in PIPELINES:
                raise ParseError(_at(text, item.start("name"), f"unknown pipeline {name}; known: {', '.join('@' + known for known in PIPELINES)}"))
            passes.extend(parse_pipeline(PIPELINES[name[1:]], own))
        elif name not in own and name not in PASSES:
            near = get_close_matches(name, (*own, *PASSES), 3)
            raise ParseError(_at(text, item.start("name"), f"unknown pass {name}" + (f"; did you mean {', '.join(near)}?" if near else "")))
        else:
            options = {}
            for option in (item["options"] or "").split():
                key, equals, value = option.partition("=")
                if not key:
                    raise ParseError(_at(text, item.start("options"), f"expected option=value, not {option!r}"))
                options[key] = value if equals else "true"
            passes.append((own[name] if name in own else PASSES[name]()).from_options(options))
        position = item.end()
    return passes


def format_pipeline(passes: Sequence[Pass]) -> str:
    """Returns the text that `parse_pipeline` turns into the same passes."""
    return ",".join(item.spec for item in passes)


def _at(text: str, position: int, message: str) -> str:
    return f"pipeline: {message}\n  {text}\n  {' ' * position}^"
