"""Changes a zip archive of .npy members from inside: members and their headers, with checksums and directories made again."""

import io
import random
import re
import warnings
import zipfile

from tests.fuzz.mutation import raw_bytes, values

START = b"PK\x03\x04"
_SHAPE = re.compile(rb"\d+")
_TYPES = (b"'<f4'", b"'<f8'", b"'<f2'", b"'>f4'", b"'|b1'", b"'|i1'", b"'<i8'", b"'|O'", b"'<U4'", b"'<c8'", b"'|V3'", b"'<M8[s]'",
          b"[('bfloat16','<u2')]", b"'<f16'", b"''", b"None", b"3")
_NAMES = ("a.npy", "a/data.npy", "a/indices.npy", "a/indptr.npy", "a/shape.npy", "a/format.npy", "arg:w.npy", ".npy", "", "../x.npy", "a#0123456789abcdef.npy")


def mutate(data: bytes, most: int, rng: random.Random) -> bytes:
    """Returns an archive with changed members; one in ten is changed as bytes."""
    members = read(data)
    if members is None or rng.random() < 0.1:
        return raw_bytes.mutate(data, most, rng)
    for _ in range(rng.randrange(1, 4)):
        _change(members, rng)
    return write(members, zipfile.ZIP_DEFLATED if rng.random() < 0.1 else zipfile.ZIP_STORED)[:most]


def read(data: bytes) -> list[tuple[str, bytes]] | None:
    """Returns the members by name, in order; None where the archive is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(info.filename, archive.read(info)) for info in archive.infolist() if info.file_size < 1 << 20]
    except Exception:  # whatever a damaged archive makes zipfile raise
        return None


def write(members: list[tuple[str, bytes]], compression: int) -> bytes:
    """Returns the archive of the members; one name may be there twice."""
    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w", compression) as archive:
        warnings.simplefilter("ignore")
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name or "x"), data, compression)
    return stream.getvalue()


def _change(members: list[tuple[str, bytes]], rng: random.Random) -> None:
    if not members:
        members.append((rng.choice(_NAMES), b""))
        return
    at = rng.randrange(len(members))
    name, data = members[at]
    match rng.randrange(6):
        case 0:
            del members[at]
        case 1:
            members.insert(at, (values.text(rng, name).replace("\ud800", "").replace("\x00", ""), data))
        case 2:
            members[at] = (rng.choice(_NAMES), data)
        case 3:
            members[at] = (name, raw_bytes.mutate(data, 1 << 16, rng))
        case _:
            members[at] = (name, with_header(data, rng))


def with_header(data: bytes, rng: random.Random) -> bytes:
    """Returns a .npy member with another shape, element type or order in its header, whose length is kept true."""
    if data[:6] != b"\x93NUMPY" or len(data) < 12:
        return data
    begin, width = (10, 2) if data[6] == 1 else (12, 4)
    length = int.from_bytes(data[8:8 + width], "little")
    head, body = data[begin:begin + length], data[begin + length:]
    if rng.random() < 0.5:
        spans = [found.span() for found in _SHAPE.finditer(head, head.find(b"(") + 1 or 0)]
        if spans:
            first, last = rng.choice(spans)
            head = head[:first] + str(values.integer(rng)).encode() + head[last:]
    elif rng.random() < 0.6:
        head = re.sub(rb"'descr': [^,]*,", b"'descr': " + rng.choice(_TYPES) + b",", head, count=1)
    else:
        head = head.replace(b"False", b"True") if rng.random() < 0.5 else raw_bytes.mutate(head, 1 << 12, rng)
    return data[:8] + (len(head) % (1 << 8 * width)).to_bytes(width, "little") + head + body
