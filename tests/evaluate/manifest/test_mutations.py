"""Tests that whatever a file says, it is a manifest or a ManifestError."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngc.errors import ManifestError
from ngc.evaluate.manifest import load_manifest, to_yaml
from tests.evaluate.manifest.samples import SAMPLE

SETTINGS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

WORDS = st.sampled_from(["", "RGB", "image", "text", "=1", "1.0", "9" * 5000, 10**400])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["type", "name", "mean", "x"]), inner), max_leaves=6)

TOKENS = st.sampled_from([
    b"\t", b"\n", b": ", b"- ", b"[", b"]", b"{", b"}", b"&a ", b"*a", b"<<: ", b"!!int ", b"!!binary ", b"!!timestamp x", b"!!bool x", b"!x ",
    b"|\n", b">\n", b"? ", b"---\n", b"...\n", b"%YAML 9.9\n", b"%TAG ! x\n", b'"', b"'", b"#", b"\0", b"\xff", b"\xef\xbb\xbf", b'"\\UFFFFFFFF"', b'"\\ud800"',
    b"2020-02-31", b"0x", b".inf", b"1:99", b"~",
])  # fmt: skip


def places(data: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Returns the paths of all values within data."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [found for key, value in items for found in [(*path, key), *places(value, (*path, key))]]


def assert_manifest_or_error(path: Path) -> None:
    lines = path.read_bytes().count(b"\n") + 1
    try:
        manifest = load_manifest(path)
    except ManifestError as error:
        for line in str(error).split("\n"):
            assert line.startswith(f"{path}:"), line
            number = line.removeprefix(f"{path}:").split(":")[0]
            assert not number.isdigit() or 1 <= int(number) <= lines + 1
            assert line.isprintable()
    else:
        again = path.with_name("again.yml")
        again.write_text(to_yaml(manifest))
        assert to_yaml(load_manifest(again)) == again.read_text()
        manifest.input_shape  # noqa: B018  # it must not raise


@SETTINGS
@given(st.data())
def test_other_values_in_fields(tmp_path, data):
    mutant = copy.deepcopy(SAMPLE)
    for _ in range(data.draw(st.integers(1, 3))):
        *folders, last = data.draw(st.sampled_from(places(mutant) or [("name",)]))
        inner: Any = mutant
        for part in folders:
            inner = inner[part]
        inner[last] = data.draw(VALUES)
    path = tmp_path / "mutant.yml"
    path.write_text(yaml.safe_dump(mutant), encoding="utf-8", errors="surrogatepass")
    assert_manifest_or_error(path)


@SETTINGS
@given(st.data())
def test_other_bytes_in_the_file(tmp_path, data):
    mutant = yaml.safe_dump(SAMPLE, sort_keys=False).encode()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutant)))
        cut = data.draw(st.integers(0, 12))
        mutant = mutant[:at] + data.draw(TOKENS | st.binary(max_size=4)) + mutant[at + cut :]
    path = tmp_path / "mutant.yml"
    path.write_bytes(mutant)
    assert_manifest_or_error(path)


@pytest.mark.parametrize("length", [0, 1, 50, 200, 400])
def test_the_beginning_of_a_file(tmp_path, length):
    path = tmp_path / "mutant.yml"
    path.write_bytes(yaml.safe_dump(SAMPLE, sort_keys=False).encode()[:length])
    with pytest.raises(ManifestError):
        load_manifest(path)
