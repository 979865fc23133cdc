"""Changes bytes without knowing what they mean: what is left where a format has no structure, or the mutation is to break it."""

import random

from tests.fuzz.mutation.values import NUMBERS


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns the bytes with one to four changes: flips, little-endian words, pieces cut, doubled, moved or put in."""
    result = bytearray(data)
    for _ in range(rng.randrange(1, 5)):
        _change(result, rng)
    return bytes(result[:most])


def _change(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    width = rng.choice((1, 1, 2, 4, 4, 8, 8))
    match rng.randrange(7):
        case 0:
            data[at:at + 1] = bytes([rng.getrandbits(8)])
        case 1:
            word = rng.choice(NUMBERS) if rng.random() < 0.6 else rng.randrange(40)
            data[at:at + width] = (word % (1 << 8 * width)).to_bytes(width, "little")
        case 2:
            del data[at:at + rng.choice((1, 2, 4, 8, 64))]
        case 3:
            data[at:at] = data[at:at + rng.choice((1, 4, 8, 32, 200))]
        case 4:
            source = rng.randrange(len(data) + 1)
            data[at:at + width] = data[source:source + width]
        case 5:
            del data[at:]
        case _:
            data[at:at] = rng.randbytes(width)
