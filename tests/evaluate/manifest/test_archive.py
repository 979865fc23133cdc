"""Tests of archives: only the file that is asked for comes out, and only if it is one."""

import contextlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngc.errors import ManifestError
from ngc.evaluate.manifest import archive as archive_module
from ngc.evaluate.manifest.archive import extract

DATA = bytes(range(256)) * 50


def write_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as file:  # type: ignore[call-overload]  # the modes are literals to mypy
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            file.addfile(entry, io.BytesIO(data))
    return path


WRITERS: dict[str, Callable[[Path, dict[str, bytes]], Path]] = {
    "zip": write_zip,
    **{f"tar {mode}": lambda path, members, mode=mode: write_tar(path, members, mode) for mode in ("w", "w:gz", "w:bz2", "w:xz")},
}


def refused(tmp_path: Path, archive: Path, member: str = "m.json") -> str:
    with pytest.raises(ManifestError) as raised:
        extract(archive, member, tmp_path / "out", "here")
    return str(raised.value)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("name", ["m.json", "./m.json", "a/b/m.json"])
def test_a_member(tmp_path, kind, name):
    archive = WRITERS[kind](tmp_path / "a", {"other": b"x", name: DATA, "../outside": b"x"})
    extract(archive, name.removeprefix("./"), tmp_path / "out", "here")
    assert (tmp_path / "out").read_bytes() == DATA
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "out"]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_path_out_of_the_archive_goes_where_it_is_told_to(tmp_path, kind):
    (tmp_path / "in").mkdir()
    archive = WRITERS[kind](tmp_path / "in" / "a", {"../../m.json": DATA})
    extract(archive, "../../m.json", tmp_path / "in" / "out", "here")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_member_that_is_not_there(tmp_path, kind):
    archive = WRITERS[kind](tmp_path / "a", {f"n{index}": b"" for index in range(12)})
    assert refused(tmp_path, archive) == "here: has no file m.json; it has n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, …"
    assert refused(tmp_path, WRITERS[kind](tmp_path / "b", {})) == "here: has no file m.json; it has none"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_links_and_devices_in_tar_files(tmp_path, kind):
    with tarfile.open(tmp_path / "a", "w") as file:
        entry = tarfile.TarInfo("m.json")
        entry.type, entry.linkname = kind, "/etc/passwd"
        file.addfile(entry)
    assert refused(tmp_path, tmp_path / "a") == "here: m.json is a link, a folder or a device, not a file"
    assert not (tmp_path / "out").exists()


def test_links_in_zip_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "a", "w") as file:
        entry = zipfile.ZipInfo("m.json")
        entry.external_attr = 0o120777 << 16
        file.writestr(entry, "/etc/passwd")
    assert refused(tmp_path, tmp_path / "a") == "here: m.json is a link or a device, not a file"


@pytest.mark.parametrize("kind", WRITERS)
def test_large_members(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(archive_module, "MOST_BYTES", len(DATA) - 1)
    archive = WRITERS[kind](tmp_path / "a", {"m.json": DATA})
    assert refused(tmp_path, archive) == f"here: m.json has {len(DATA)} bytes; at most {len(DATA) - 1} are unpacked"


def test_what_is_no_archive(tmp_path):
    (tmp_path / "a").write_bytes(b"<html>")
    assert refused(tmp_path, tmp_path / "a") == "here: neither a zip nor a tar file"


@pytest.mark.parametrize("kind", WRITERS)
def test_what_the_disk_says_is_not_the_archives_fault(tmp_path, kind):
    with pytest.raises(FileNotFoundError):
        extract(WRITERS[kind](tmp_path / "a", {"m.json": DATA}), "m.json", tmp_path / "none" / "out", "here")


def test_encrypted_zip_files(tmp_path):
    data = bytearray(write_zip(tmp_path / "a", {"m.json": DATA}).read_bytes())
    for signature, flags in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        data[data.index(signature) + flags] |= 1
    (tmp_path / "a").write_bytes(data)
    assert refused(tmp_path, tmp_path / "a").startswith("here: m.json cannot be unpacked: ")


@pytest.mark.parametrize("kind", WRITERS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_archives(tmp_path, kind, data):
    good = WRITERS[kind](tmp_path / "a", {"m.json": DATA}).read_bytes()
    begin = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(begin, min(begin + 50, len(good))) | st.just(len(good)))
    (tmp_path / "bad").write_bytes(good[:begin] + data.draw(st.binary(max_size=8)) + good[end:])
    with contextlib.suppress(ManifestError):
        extract(tmp_path / "bad", "m.json", tmp_path / "out", "here")
