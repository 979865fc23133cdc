"""Tests of how files are read: what is wrong with one is told with its line, and no file takes the reader down."""

from pathlib import Path

import pytest

from ngc.errors import ManifestError
from ngc.evaluate.manifest.document import MOST_BYTES, Place, read_document, spell


def message(tmp_path: Path, text: "str | bytes") -> str:
    """Returns what is said about a file, without its path."""
    path = tmp_path / "m.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ManifestError) as raised:
        read_document(path)
    return str(raised.value).replace(f"{path}:", "")


def test_places_are_those_of_the_values(tmp_path):
    path = tmp_path / "m.yml"
    path.write_text("a: 1\nb:\n  - c: [x, yy]\n")
    document = read_document(path)
    assert document.data == {"a": 1, "b": [{"c": ["x", "yy"]}]}
    assert document.place(("a",)) == Place(1, 4)
    assert document.place(("b", 0, "c", 1)) == Place(3, 12)
    assert document.place(("b", 0, "missing")) == Place(3, 5)
    assert document.place(("b", "missing")) == Place(2, 1)
    assert document.place(("missing",)) == Place(1, 1)
    assert spell(("b", 0, "c", 1)) == "b[0].c[1]"


def test_texts_stay_as_they_are_written(tmp_path):
    path = tmp_path / "m.yml"
    path.write_text("version: 1.10\nlist:\n  - sum: 00000000000000000000000000000123\nother: 1.10\nday: 2020-01-31\n")
    document = read_document(path, frozenset({("version",), ("list", "sum")}))
    assert document.data["version"] == "1.10"
    assert document.data["list"] == [{"sum": "00000000000000000000000000000123"}]
    assert document.data["other"] == 1.1


@pytest.mark.parametrize(("text", "expected"), [
    ("", "1:1: the file is empty; a manifest is a mapping of fields"),
    ("# nothing\n", "1:1: the file is empty; a manifest is a mapping of fields"),
    ("- a\n", "1:1: a list where a mapping of fields is expected, such as `name: ResNet50_v1`"),
    ("word\n", "1:1: the value 'word' where a mapping of fields is expected, such as `name: ResNet50_v1`"),
    ("a: 1\nb:\n\tc: 2\n", "3:1: a tab; YAML is indented by spaces"),
    ("a: 1\n---\nb: 2\n", "2:1: a second document; a file has one manifest"),
    ("a: [1, 2\nb: 3\n", "2:2: not YAML: while parsing a flow sequence: expected ',' or ']', but got ':'"),
    ("a: *b\n", "1:4: not YAML: found undefined alias 'b'"),
    ("a: 1\nb: 2\na: 3\n", "3:1: a: the key is there twice, first in line 1"),
    ("a:\n  b: 1\n  b: 2\n", "3:3: a.b: the key is there twice, first in line 2"),
    ("a: &x {c: 1}\nb:\n  <<: *x\n", "3:3: b.<<: a merge key; manifests write fields out"),
    ("? [1]\n: 2\n", "1:3: a list as a key; keys are names"),
    ("a:\n  ? {b: 1}\n  : 2\n", "2:5: a: a mapping as a key; keys are names"),
    ("a: !!python/object:os.system {}\n", "1:4: a: the tag !!python/object:os.system; a manifest has texts, numbers, true, false, lists and mappings"),
    ("a: !mine 1\n", "1:4: a: the tag !mine; a manifest has texts, numbers, true, false, lists and mappings"),
    ("a: 2020-02-31\n", "1:4: a: '2020-02-31' is no timestamp of YAML's; a text is written in quotes"),
    ("a: !!bool maybe\n", "1:4: a: 'maybe' is no bool of YAML's; a text is written in quotes"),
    ('a: "\\UFFFFFFFF"\n', "1:7: an escape that is no character"),
    ("a: 1\nb: \0\n", "2:4: the character U+0000 is not allowed in YAML"),
    (b"a: 1\nb: caf\xe9\n", "2:7: the byte 0xe9 is not UTF-8, which manifests are written in"),
])  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(tmp_path, text, expected):
    assert message(tmp_path, text) == expected


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    assert message(tmp_path, "a: 1\na: 2\nb: !x 1\nc: 2020-13-01\n").splitlines() == [
        "2:1: a: the key is there twice, first in line 1",
        "3:4: b: the tag !x; a manifest has texts, numbers, true, false, lists and mappings",
        "4:4: c: '2020-13-01' is no timestamp of YAML's; a text is written in quotes",
    ]


def test_depth_is_bounded(tmp_path):
    assert message(tmp_path, "a: " + "[" * 100_000).endswith(": values within values more than 32 deep")
    assert message(tmp_path, "a: &a [*a]\n").endswith(": more than 10000 values or 32 levels, counting what aliases repeat")


def test_aliases_that_multiply_are_counted(tmp_path):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    assert "more than 10000 values" in message(tmp_path, "\n".join(levels))


def test_aliases_that_do_not_are_read(tmp_path):
    path = tmp_path / "m.yml"
    path.write_text("a: &one [1, 2]\nb: *one\n")
    assert read_document(path).data == {"a": [1, 2], "b": [1, 2]}


def test_a_byte_order_mark_is_no_character(tmp_path):
    path = tmp_path / "m.yml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_document(path).data == {"a": 1}


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(ManifestError, match=r"none.yml: no such file$"):
        read_document(tmp_path / "none.yml")
    with pytest.raises(ManifestError, match=rf"{tmp_path}: not a file$"):
        read_document(tmp_path)
    large = tmp_path / "large.yml"
    large.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(ManifestError, match=r"large.yml: has more than 256 KiB; no manifest is that long$"):
        read_document(large)
    with pytest.raises(ManifestError, match="no such file"):
        read_document(Path("a\0b.yml"))


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    def denied(path: Path, mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "m.yml"
    path.touch()
    monkeypatch.setattr(Path, "open", denied)
    with pytest.raises(ManifestError, match=r"m.yml: cannot be read: Permission denied$"):
        read_document(path)


def test_names_that_are_not_printable_are_quoted(tmp_path):
    assert message(tmp_path, '"a\\nb": !x 1\n').startswith("1:9: 'a\\nb': the tag !x")
