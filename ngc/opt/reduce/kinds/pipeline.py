"""Makes the pipeline shorter."""

from collections.abc import Iterator
from dataclasses import fields, replace

from ngc.opt.reduce.case import Candidate, Case, chunks
from ngc.passes.base import default_of


def passes(case: Case) -> Iterator[Candidate]:
    """Leaves out passes."""
    numbered = list(enumerate(case.passes))
    for key, part in chunks(numbered):
        kept = tuple(item for item in numbered if item not in part)
        yield Candidate(key, f"without {part[0][1].name if len(part) == 1 else f'{len(part)} passes'}", passes=tuple(item for _, item in kept))


def options(case: Case) -> Iterator[Candidate]:
    """Gives options of passes their default values."""
    for index, item in enumerate(case.passes):
        for position, option in enumerate(fields(item)):
            default = default_of(option)
            if getattr(item, option.name) != default:
                changed = replace(item, **{option.name: default})
                yield Candidate((index, position), f"with the default for {option.name.replace('_', '-')} of {item.name}",
                                passes=(*case.passes[:index], changed, *case.passes[index + 1:]))
