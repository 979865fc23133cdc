"""Changes a text of lines by its tokens: words, numbers and signs are dropped, doubled, exchanged and replaced, lines are moved."""

import random
import re
from collections.abc import Sequence

from tests.fuzz.mutation import values

_TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|%?[A-Za-z_][\w.$-]*|-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|\s+|.', re.DOTALL)


def change(text: str, words: Sequence[str], rng: random.Random) -> str:
    """Returns the text after one change; `words` are those of the language."""
    return _change_lines(text, rng) if rng.random() < 0.15 else _change_tokens(text, words, rng)


def _change_lines(text: str, rng: random.Random) -> str:
    lines = text.split("\n")
    at = rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            del lines[at]
        case 1:
            lines[at:at] = [lines[rng.randrange(len(lines))]] * rng.choice((1, 1, 5))
        case 2:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case _:
            del lines[at:]
    return "\n".join(lines)


def _change_tokens(text: str, words: Sequence[str], rng: random.Random) -> str:
    found = _TOKEN.findall(text)
    if not found:
        return rng.choice(words)
    at = rng.randrange(len(found))
    token = found[at]
    match rng.randrange(8):
        case 0:
            del found[at]
        case 1:
            found[at:at] = [token] * rng.choice((1, 1, 2, 200))
        case 2:
            other = rng.randrange(len(found))
            found[at], found[other] = found[other], found[at]
        case 3:
            found[at] = found[rng.randrange(len(found))]
        case 4:
            found[at] = rng.choice(words)
        case 5:
            alike = [other for other in found if other[:1].isdigit() == token[:1].isdigit() and other[:1].isalpha() == token[:1].isalpha()]
            found[at] = rng.choice(alike)
        case _:
            numeric = [position for position, other in enumerate(found) if other.lstrip("-")[:1].isdigit()]
            at = rng.choice(numeric) if numeric and rng.random() < 0.7 else at
            found[at] = str(values.number(rng)) if found[at].lstrip("-")[:1].isdigit() else values.text(rng, found[at])
    return "".join(found)
