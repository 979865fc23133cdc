import logging
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngc.codegen.llvm import object_cache as cache
from ngc.errors import InputError

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for each test; returns the folder of its entries."""
    monkeypatch.setenv("NGC_CACHE_DIR", str(tmp_path / "cache"))
    cache._usage.reset()
    cache._warn_once.cache_clear()
    return tmp_path / "cache" / "objects"


def key(number: int) -> str:
    return cache.cache_key(f"kernel {number}", "some target")


def warnings(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in log.records if record.levelno >= logging.WARNING]


def test_what_is_stored_is_found(folder: Path) -> None:
    assert cache.load(key(1)) is None
    cache.store(key(1), "conv_1", b"object code")
    cache.store(key(2), "conv_2", b"")
    assert cache.load(key(1)) == b"object code"
    assert cache.load(key(2)) == b""
    assert cache.load(key(3)) is None
    assert {(entry.name, entry.key) for entry in cache.entries()} == {("conv_1", key(1)), ("conv_2", key(2))}
    assert sorted(path.suffix for path in folder.iterdir()) == [".ngcobj", ".ngcobj"]


def test_folder_is_private(folder: Path) -> None:
    cache.store(key(1), "conv", b"x")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


def test_key_depends_on_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {cache.cache_key("a", "b"), cache.cache_key("ab", ""), cache.cache_key("a", "c"), cache.cache_key("b", "b")}
    monkeypatch.setattr(cache.jit, "llvm_version", lambda: "another LLVM")
    keys.add(cache.cache_key("a", "b"))
    monkeypatch.setattr(cache, "sources_digest", lambda: "edited")
    keys.add(cache.cache_key("a", "b"))
    assert len(keys) == 6


def test_sources_digest_follows_the_sources() -> None:
    assert cache.sources_digest.__wrapped__() == cache.sources_digest()
    assert len(cache.sources_digest()) == 64


def test_cache_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("NGC_CACHE_DIR", "/chosen")
    assert cache.cache_root() == Path("/chosen")
    monkeypatch.delenv("NGC_CACHE_DIR")
    assert cache.cache_root() == Path("/xdg/ngc")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.cache_root() == Path("/home/somebody/.cache/ngc")


# Each example writes the entry anew, so it is right that all share one folder.
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_entries_are_dropped(folder: Path, data: st.DataObject) -> None:
    cache.store(key(1), "conv", bytes(range(256)))
    path = folder / f"{key(1)}.ngcobj"
    whole = path.read_bytes()
    if data.draw(st.booleans(), label="truncate"):
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        at = data.draw(st.integers(0, len(whole) - 1))
        damaged = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    path.write_bytes(damaged)
    cache.entries()
    assert cache.load(key(1)) is None
    assert not path.exists()
    cache.store(key(1), "conv", b"again")
    assert cache.load(key(1)) == b"again"


def test_damage_is_reported(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache.store(key(1), "conv", b"object code")
    path = folder / f"{key(1)}.ngcobj"
    path.write_bytes(b"<html>")
    assert [entry.name for entry in cache.entries()] == ["(damaged)"]
    assert cache.load(key(1)) is None
    assert warnings(caplog) == [f"dropped a damaged entry of the kernel cache: {path}"]


def test_least_recently_used_go_first(folder: Path) -> None:
    size = len(cache._render("conv", bytes(1000)))
    cache.set_limit(10 * size)
    for number in range(10):
        cache.store(key(number), "conv", bytes(1000))
        os.utime(folder / f"{key(number)}.ngcobj", (number, number))
    assert cache.load(key(0)) == bytes(1000)  # used: no longer the oldest
    cache.store(key(10), "conv", bytes(1000))
    kept = {entry.key for entry in cache.entries()}
    assert {key(0), key(10), key(9)} <= kept
    assert not {key(1), key(2)} & kept
    assert sum(entry.bytes for entry in cache.entries()) <= 10 * size
    assert cache.entries()[0].last_used >= cache.entries()[-1].last_used


def test_limit_is_kept(folder: Path) -> None:
    assert cache.limit() == cache.DEFAULT_LIMIT == 512 * 1024 * 1024
    cache.store(key(1), "conv", b"x" * 100)
    cache.set_limit(0)
    assert cache.limit() == 0
    assert cache.entries() == []
    cache.store(key(1), "conv", b"x")
    assert cache.entries() == []
    with pytest.raises(InputError, match=r"^cache limit -1: accepted are 0 \(keep nothing\) and more bytes$"):
        cache.set_limit(-1)


@pytest.mark.parametrize("data", [b"\xff", "١٢".encode(), b"9" * 5000 + b"x", b"", b"-1"])
def test_a_limit_that_is_no_number(tmp_path: Path, folder: Path, data: bytes) -> None:
    cache.set_limit(7)
    assert cache.limit() == 7
    (cache.cache_root() / "limit").write_bytes(data)
    assert cache.limit() in (cache.DEFAULT_LIMIT, int("9" * 32))  # of a very long number the first digits say enough


def test_damaged_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "limit").write_text("much")
    assert cache.limit() == cache.DEFAULT_LIMIT
    assert cache.limit() == cache.DEFAULT_LIMIT
    assert len(warnings(caplog)) == 1
    assert "limit does not hold a number of bytes" in warnings(caplog)[0]


def test_clear() -> None:
    for number in range(3):
        cache.store(key(number), "conv", b"x")
    assert cache.clear() == 3
    assert cache.entries() == []
    assert cache.clear() == 0


def test_stale_temporary_files_go(folder: Path) -> None:
    cache.store(key(1), "conv", b"x")
    old, new = folder / ".new-old", folder / ".new-new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    cache.evict(folder, 1 << 20)
    assert (old.exists(), new.exists()) == (False, True)
    assert len(cache.entries()) == 1


def test_folder_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("NGC_CACHE_DIR", "/proc/no/such/folder")
    for number in range(3):
        cache.store(key(number), "conv", b"x")
        assert cache.load(key(number)) is None
    assert cache.entries() == []
    assert cache.clear() == 0
    (message,) = warnings(caplog)
    assert message.startswith("kernel cache: cannot make /proc/no/such/folder/objects: ")
    assert message.endswith("; going on without it")
    with pytest.raises(InputError, match="cannot write the cache limit to /proc/no/such/folder: "):
        cache.set_limit(100)


def test_file_in_place_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NGC_CACHE_DIR", str(tmp_path / "file"))
    cache.store(key(1), "conv", b"x")
    assert cache.load(key(1)) is None
    assert len(warnings(caplog)) == 1


def test_read_only_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    cache.store(key(1), "conv", b"x")

    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(30, "Read-only file system")  # permissions would not stop root, which tests may run as

    monkeypatch.setattr(cache.tempfile, "mkstemp", refuse)
    monkeypatch.setattr(cache.os, "utime", refuse)
    for number in (2, 3):
        cache.store(key(number), "conv", b"x")
    assert cache.load(key(1)) == b"x"
    assert cache.load(key(2)) is None
    assert warnings(caplog) == [f"kernel cache: cannot write to {folder}: Read-only file system; going on without it"]


def test_unreadable_entry(folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    cache.store(key(1), "conv", b"x")
    (folder / f"{key(2)}.ngcobj").mkdir()  # even root cannot read it as a file
    assert cache.load(key(2)) is None
    assert "cannot read" in warnings(caplog)[0]
    assert cache.load(key(1)) == b"x"


def test_folder_that_others_may_write(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache.store(key(1), "conv", b"x")
    folder.chmod(0o777)
    assert cache.load(key(1)) is None
    cache.store(key(2), "conv", b"x")
    assert len(list(folder.iterdir())) == 1
    assert warnings(caplog) == [f"kernel cache: {folder} is not private (owner {os.geteuid()}, mode 777); going on without it"]


def test_full_disk(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache.store(key(1), "conv", b"x")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        cache.store(key(2), "conv", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.stem for path in folder.iterdir()] == [key(1)]
    assert warnings(caplog) == [f"kernel cache: cannot write to {folder}: File too large; going on without it"]


def test_concurrent_writers(folder: Path) -> None:
    script = """
from ngc.codegen.llvm import object_cache as cache
import sys
payload = bytes([int(sys.argv[1])]) * 50_000
for _ in range(60):
    for name in ("a", "b"):
        cache.store(name * 64, name, payload)
        found = cache.load(name * 64)
        # Evicted by the other process, or whole and written by either.
        assert found is None or len(found) == 50_000 and len(set(found)) == 1, len(found)
"""
    cache.set_limit(80_000)  # so that entries also go while others read them
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    writers = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", script, str(number)], env=environment, stderr=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=60)
        assert (writer.returncode, errors) == (0, "")
    assert not list(folder.glob(".new-*"))
