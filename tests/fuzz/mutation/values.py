"""Numbers, texts and bytes at which readers break: limits of words, sizes beyond any memory, what is no number, what is no text."""

import random
import re

SMALL = tuple(range(-2, 10))

NUMBERS = (16, 31, 32, 33, 64, 100, 127, 128, 255, 256, 1000, 4096, 65535, 65536, 1 << 20, 10**9, (1 << 31) - 1, 1 << 31, 1 << 32, 10**12, 1 << 47, 1 << 48,
           1 << 53, (1 << 62) + 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, 10**30, 10**400, -1000, -(1 << 31), -(1 << 63), -(1 << 64))
"""Where counts, sizes, offsets and dimensions overflow something."""

FLOATS = (0.5, -0.0, 1e-05, 1.5, 1e-45, 1e-320, 3.5e38, 1e308, float("inf"), float("-inf"), float("nan"))

TEXTS = ("", " ", "None", "True", "false", "nan", "inf", "-inf", "1e400", "0x10", "1_0", "١", "²", "()", "(", "(,)", "(1,,2)", "[1, 2]", "(3L, 3L)", "N", "2*N",
         "0*N", "\x00", "\n", "\r", "\u2028", "\ud800", "\U0001f600", "é", '"', "\\", "%", "@", "#", "a" * 300, "../../x", "9" * 25, "9" * 5000, "(" * 300,
         "(" + "1, " * 40 + ")", "int8", "float16", "__shape__", "relu", "data")


_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def integer(rng: random.Random) -> int:
    """Returns a whole number, most often one that means something small."""
    kind = rng.random()
    if kind < 0.6:
        return rng.choice(SMALL)
    return rng.choice(NUMBERS) + rng.choice((-1, 0, 0, 0, 1)) if kind < 0.95 else rng.getrandbits(rng.randrange(1, 70))


def number(rng: random.Random) -> int | float:
    """Returns a number of either kind."""
    return integer(rng) if rng.random() < 0.7 else rng.choice(FLOATS)


def text(rng: random.Random, old: str) -> str:
    """Returns another text in the place of an old one: one of its numbers, a few of its characters, or all of it replaced."""
    kind = rng.random()
    spans = [found.span() for found in _NUMBER.finditer(old[:2000])]
    if spans and kind < 0.6:
        begin, end = rng.choice(spans)
        return f"{old[:begin]}{number(rng)}{old[end:]}"
    if kind < 0.75:
        return rng.choice(TEXTS)
    begin = rng.randrange(len(old) + 1)
    end = min(len(old), begin + rng.randrange(4))
    character = chr(rng.choice((rng.randrange(128), rng.randrange(0x3000))))
    middle = rng.choice(("", old[begin:end] * 2, rng.choice(TEXTS), old[begin:end] * rng.choice((50, 1000)), character))
    return old[:begin] + middle + old[end:]
