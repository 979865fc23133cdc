"""IR text: `parse`, then what every graph goes through. Mutations change tokens, or put in an operator of the IR's table."""

import random
import re

from ngc.errors import ParseError, VerifyError
from ngc.ir import opdefs, parse
from ngc.ir.graph import STAGES
from ngc.ir.opdef import REQUIRED, Attr
from ngc.ir.steps import STEPS
from ngc.ir.tensor_type import DTYPES
from tests.fuzz.mutation import tokens, values
from tests.fuzz.reader import Reader
from tests.fuzz.readers import graphs
from tests.fuzz.readers.symbol import PARAMETERS

_OPERATORS = sorted(opdefs())
_WORDS = (*_OPERATORS, *STAGES, *STEPS, *DTYPES, "bf16", "none", "true", "false", "N", "2*N", "const", "graph", "return", "range", "stage", "excluded", "loc",
          "as", "in", "at", *"{}()[]<>:,=%@", "->", "#0123456789abcdef", "\n", "<c8 halo=[1,1,1,1]>", "<q scale=[0.1] zero_point=3>",
          *sorted({f"{name}=" for definition in opdefs().values() for name in definition.attrs}),
          *sorted({f'"{choice}"' for definition in opdefs().values() for attr in definition.attrs.values() for choice in attr.choices}))
_RESULT = re.compile(r"^\s*(%[\w.$-]+)", re.MULTILINE)
_GIVES = re.compile(r"\S+ gives (.*), not (.*)")


def read(data: bytes) -> None:
    """Parses a text, its constants' data at hand where it names the parameters that symbols get, and uses the graph."""
    graphs.use(parse(data.decode("utf-8", errors="replace"), PARAMETERS), len(data))


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns a text with a few changed tokens or one more node; where types are then wrong in one place, often with the right ones."""
    text = data.decode("utf-8", errors="replace")
    if rng.random() < 0.4:
        text = _with_types(_with_node(text, rng))
    else:
        for _ in range(rng.choice((1, 1, 2, 4))):
            text = tokens.change(text, _WORDS, rng)[:most]  # doublings of doublings would fill the memory
    return text.encode("utf-8", errors="replace")[:most]


def _with_node(text: str, rng: random.Random) -> str:
    """Returns the text with a node of any operator in front of its return line, which returns the node too."""
    at = text.rfind("return")
    names = _RESULT.findall(text[:max(at, 0)]) + re.findall(r"(%[\w.$-]+):", text[:200])
    if at < 0 or not names:
        return text
    definition = opdefs()[rng.choice(_OPERATORS)]
    count = sum(not name.endswith("*") for name in definition.operands if not name.endswith("?") or rng.random() < 0.5)
    count += rng.randrange(4) if any(name.endswith("*") for name in definition.operands) else 0
    attrs = [f"{name}={_attribute(attr, rng)}" for name, attr in definition.attrs.items() if attr.default is REQUIRED or rng.random() < 0.3]
    name = f"%z{rng.randrange(10**6)}"
    line = f"{name} = {definition.name}({', '.join(rng.choice(names) for _ in range(count))}) {{{', '.join(attrs)}}} : f32[1]\n  "
    return f"{text[:at]}{line}{text[at:].replace('return', f'return {name},', 1)}"


def _attribute(attr: Attr, rng: random.Random) -> str:
    if rng.random() < 0.03:
        return rng.choice(("none", "true", "[]", "relu", '""', "N", "1e400", "[[[]]]"))
    if attr.choices:
        return f'"{rng.choice(attr.choices)}"'
    match attr.kind:
        case "int":
            return str(values.integer(rng))
        case "float":
            return _float(rng)
        case "bool":
            return rng.choice(("true", "false"))
        case "str":
            return '"x"'
        case "steps":
            return f"[{rng.choice(('relu', 'tee', 'clip(0.0,6.0)', 'tanh', ''))}]"
    whole = attr.kind != "floats"
    parts = [str(values.integer(rng)) if whole else _float(rng) for _ in range(rng.randrange(6))]
    if attr.kind in ("shape", "bounds") and parts and rng.random() < 0.2:
        parts[0] = "N" if attr.kind == "shape" else "none"
    return f"[{','.join(parts)}]"


def _float(rng: random.Random) -> str:
    number = values.number(rng)
    return str(number) if isinstance(number, float) else f"{number}.0"


def _with_types(text: str) -> str:
    """Returns the text with the result types that inference gives, at the first node where it has others."""
    try:
        parse(text, PARAMETERS)
    except ParseError as error:
        found = _GIVES.fullmatch(error.what)
        if found is not None and error.line is not None:
            lines = text.split("\n")
            lines[error.line - 1] = found[1].join(lines[error.line - 1].rsplit(found[2], 1))
            return "\n".join(lines)
    except Exception:  # the reader will meet it, and report
        return text
    return text


READER = Reader(read, mutate, (ParseError, VerifyError))
