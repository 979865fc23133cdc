"""Artifacts: what is saved comes back, damage is found before it does harm, and nothing is written by halves."""

import contextlib
import dataclasses
import json
import logging
import os
import resource
import signal
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngc
from ngc.errors import ArtifactError, InputError
from ngc.runtime import Executable, artifact, artifact_file, artifact_manifest
from ngc.runtime.artifact_file import CHUNK, HEADER_BYTES, NewSection, open_artifact, write_artifact
from tests.checkpoints import SHAPE, make_input, reference, write_checkpoint
from tests.fuzz.readers.artifact import open_parts, seal

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Executable:
    return ngc.compile(write_checkpoint(tmp_path_factory.mktemp("checkpoint")), shapes={"data": ("N", *SHAPE[1:])})


@pytest.fixture(scope="module")
def saved(executable: Executable, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("artifact") / "small.ngc"
    executable.save(path)
    return path.read_bytes()


@pytest.fixture
def path(saved: bytes, tmp_path: Path) -> Path:
    target = tmp_path / "model.ngc"
    target.write_bytes(saved)
    return target


def rewrite(path: Path, **changes: Any) -> None:
    """Writes an artifact again with other entries in its manifest."""
    file = open_artifact(path)
    manifest = {name: value for name, value in file.manifest.items() if name != "sections"}
    sections = [NewSection(name, [bytes(section.read())]) for name, section in file.sections.items()]
    write_artifact(path, {**manifest, **changes}, sections)


def section_offset(data: bytes, name: str) -> int:
    """Returns where a section begins in the file."""
    length = struct.unpack_from("<Q", data, 24)[0]
    manifest = json.loads(data[HEADER_BYTES:HEADER_BYTES + length])
    base = -(-(HEADER_BYTES + length) // 4096) * 4096
    return int(base + manifest["sections"][name]["offset"])


def test_a_loaded_executable_gives_the_same_answers(executable: Executable, path: Path) -> None:
    loaded = ngc.load(path)
    for batch in (1, 2, 5):
        x = make_input(batch)
        np.testing.assert_array_equal(loaded.run({"data": x})[0], executable.run({"data": x})[0])
        # 20 channels of 27 products and a softmax in float32.
        np.testing.assert_allclose(loaded.run({"data": x})[0], reference(x), rtol=1e-5, atol=1e-6)


def test_what_was_saved_comes_back(executable: Executable, path: Path) -> None:
    loaded = ngc.load(path, threads=2)
    assert (loaded.inputs, loaded.outputs, loaded.memory.code) == (executable.inputs, executable.outputs, executable.memory.code)
    assert loaded.memory.weights == executable.memory.weights
    assert str(loaded.graph) == str(executable.graph)
    assert loaded.graph is loaded.graph
    assert repr(loaded) == "<ngc.Executable small(data['N', 3, 9, 11]) for cpu, 2 threads>"
    assert loaded.program.calls == executable.program.calls
    assert loaded.profile({"data": make_input()}, runs=2).kernels[0].node == executable.program.calls[0].node


def test_calls_that_keep_no_results_are_read(executable: Executable, path: Path) -> None:
    """Those of artifacts from before calls had them."""
    kept = open_artifact(path).manifest["calls"]
    rewrite(path, calls=[{key: value for key, value in call.items() if not key.startswith("result")} for call in kept])
    loaded = ngc.load(path)
    assert [call.symbol for call in loaded.program.calls] == [call.symbol for call in executable.program.calls]
    _, profile = loaded.run_traced({"data": make_input()})
    assert {(kernel.results, kernel.result_bytes) for kernel in profile.kernels} == {((), 0)}


def test_constants_of_the_graph_are_views_on_the_file(executable: Executable, path: Path) -> None:
    loaded = ngc.load(path)
    pairs = [(a, b) for a, b in zip(loaded.graph, executable.graph, strict=True) if a.op == "const"]
    assert pairs
    for mine, original in pairs:
        assert not mine.output.array.flags.owndata
        assert not mine.output.array.flags.writeable
        np.testing.assert_array_equal(mine.output.array, original.output.array)


def test_weights_are_mapped_and_aligned(path: Path) -> None:
    weights = ngc.load(path).program.weights
    assert weights.ctypes.data % 4096 == 0
    assert not weights.flags.owndata
    assert not weights.flags.writeable


def test_saving_twice_gives_the_same_bytes(executable: Executable, path: Path, saved: bytes, tmp_path: Path) -> None:
    executable.save(tmp_path / "again.ngc")
    assert (tmp_path / "again.ngc").read_bytes() == saved
    ngc.load(path).save(tmp_path / "loaded.ngc")
    assert (tmp_path / "loaded.ngc").read_bytes() == saved


def test_saving_over_the_file_that_is_mapped(path: Path) -> None:
    loaded = ngc.load(path)
    loaded.save(path)
    np.testing.assert_array_equal(loaded.run({"data": make_input()})[0], ngc.load(path).run({"data": make_input()})[0])


def test_threads_that_were_asked_for_are_kept(tmp_path: Path) -> None:
    prefix = write_checkpoint(tmp_path)
    ngc.compile(prefix, shapes={"data": SHAPE}, threads=1).save(tmp_path / "one.ngc")
    assert ngc.load(tmp_path / "one.ngc").threads == 1
    assert ngc.load(tmp_path / "one.ngc", threads=2).threads == 2
    with pytest.raises(InputError, match=r"^threads=0: accepted are 1 to 1024$"):
        ngc.load(tmp_path / "one.ngc", threads=0)


def test_loading_imports_neither_the_importer_nor_the_code_generator(path: Path) -> None:
    script = f"import sys, ngc; ngc.load({str(path)!r}); print(*[m for m in sys.modules if m.startswith(('ngc.importer', 'ngc.passes', 'networkx', 'rich'))])"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == ""


# -- files that are no artifacts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "message"), [
    (b"", "is empty; Executable.save writes artifacts whole, so something else made or emptied this file"),
    (b"<!DOCTYPE html><html>404</html>", "is no artifact: it is an HTML or XML page, as a failed download leaves it; download it again"),
    (b'{"nodes": []}', "is no artifact: it is JSON, perhaps an MXNet symbol; ngc.compile takes those"),
    (b"graph @g() {\n  return\n}", "is no artifact: it is IR text; ngc.parse and ngc-opt take that"),
    (b"version https://git-lfs.github.com/spec/v1\n", "is no artifact: it is a Git LFS pointer; fetch the file itself with git lfs pull"),
    (b"\x89NGC\n\x1a\n" + bytes(80), "is no artifact: it was altered by a transfer in text mode; transfer it as binary"),
    (b"PK\x03\x04abcdefgh" * 10, "is no artifact: it begins with b'PK\\x03\\x04abcd'; ngc.load takes what Executable.save or `ngc compile` wrote"),
    (artifact_file.MAGIC, "is truncated: 8 bytes are less than a header; copy the file again"),
])
def test_other_files(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "x.ngc"
    path.write_bytes(data)
    with pytest.raises(ArtifactError) as error:
        ngc.load(path)
    assert str(error.value) == f"{path} {message}"


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"^cannot read .*nothing.ngc: No such file or directory$"):
        ngc.load(tmp_path / "nothing.ngc")
    with pytest.raises(ArtifactError, match=r"^cannot read .*: it is no regular file; give the path of an artifact, such as model.ngc$"):
        ngc.load(tmp_path)


# -- damaged artifacts -------------------------------------------------------------------------------------------------


def test_a_truncated_file(path: Path, saved: bytes) -> None:
    path.write_bytes(saved[:5000])
    with pytest.raises(ArtifactError) as error:
        ngc.load(path)
    assert str(error.value) == f"{path} is truncated: it has 5000 of {len(saved)} bytes; copy the file again"


def test_bytes_behind_the_end(path: Path, saved: bytes) -> None:
    path.write_bytes(saved + b"x")
    with pytest.raises(ArtifactError, match=rf"is altered: its header does not fit its {len(saved) + 1} bytes"):
        ngc.load(path)


def test_an_altered_manifest(path: Path, saved: bytes) -> None:
    path.write_bytes(saved.replace(b'"entry"', b'"Entry"', 1))
    with pytest.raises(ArtifactError, match=r"is altered: its manifest differs from what was saved; copy the file again or save the model again$"):
        ngc.load(path)


@pytest.mark.parametrize("name", ["ir", "objects"])
def test_altered_code_or_ir_is_found_at_load(path: Path, saved: bytes, name: str) -> None:
    data = bytearray(saved)
    data[section_offset(saved, name)] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match=rf"is altered: bytes 0 to \d+ of its section '{name}' differ from what was saved"):
        ngc.load(path)


def test_altered_weights_are_found_at_the_first_run_or_with_verify(path: Path, saved: bytes) -> None:
    data = bytearray(saved)
    data[section_offset(saved, "weights") + 40] ^= 1
    path.write_bytes(data)
    loaded = ngc.load(path)
    for _ in range(2):
        with pytest.raises(ArtifactError, match="of its section 'weights' differ from what was saved"):
            loaded.run({"data": make_input()})
    with pytest.raises(ArtifactError, match="of its section 'weights' differ from what was saved"):
        ngc.load(path, verify=True)


def test_altered_constants_are_found_when_they_are_read(path: Path, saved: bytes) -> None:
    data = bytearray(saved)
    data[section_offset(saved, "constants")] ^= 1
    path.write_bytes(data)
    loaded = ngc.load(path)
    loaded.run({"data": make_input()})  # runs read packed weights only
    with pytest.raises(ArtifactError, match="of its section 'constants' differ from what was saved"):
        [node.output.array for node in loaded.graph if node.op == "const"]
    with pytest.raises(ArtifactError, match="of its section 'constants' differ from what was saved"):
        ngc.load(path, verify=True)


@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_any_flipped_byte_or_cut_is_an_artifact_error_or_changes_nothing(saved: bytes, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "mutated.ngc"
    raw = bytearray(saved)
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw) - 1)):]
    else:
        for _ in range(data.draw(st.integers(1, 3))):
            # Half of the flips hit header and manifest, which are a small part of the file.
            place = data.draw(st.one_of(st.integers(0, section_offset(saved, "ir")), st.integers(0, len(raw) - 1)))
            raw[place] = data.draw(st.integers(0, 255))
    path.write_bytes(raw)
    x = make_input(1)
    try:
        loaded = ngc.load(path)
        result = loaded.run({"data": x})[0]
    except ArtifactError:
        return
    np.testing.assert_allclose(result, reference(x), rtol=1e-5, atol=1e-6)  # what differs is a gap, a constant, or nothing


def test_chunks_are_checked_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "big.ngc"
    content = np.random.default_rng(0).integers(0, 256, 3 * CHUNK + 100, np.uint8)
    write_artifact(path, {}, [NewSection("empty", []), NewSection("big", [content.data[:CHUNK + 5], content.data[CHUNK + 5:]]), NewSection("none", [])])
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    file = open_artifact(path)
    assert bytes(file.section("big").read(0, 3 * CHUNK)) == content[:3 * CHUNK].tobytes()
    assert bytes(file.section("empty").read()) == bytes(file.section("none").read()) == b""
    with pytest.raises(ArtifactError, match=rf"is altered: bytes {3 * CHUNK} to {3 * CHUNK + 100} of its section 'big'"):
        file.section("big").read(3 * CHUNK, 1)
    with pytest.raises(ArtifactError, match="the manifest points outside of the section 'big'"):
        file.section("big").read(3 * CHUNK, 101)
    with pytest.raises(ArtifactError, match="the manifest names no section 'ir'"):
        file.section("ir")


@settings(deadline=None, max_examples=50)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["offset", "length", "sha256", "name", "arch", "fixed", "a"]), inner, max_size=4), max_leaves=8),
       st.sampled_from(["ngc", "abi", "target", "inputs", "outputs", "calls", "arena", "entry", "symbols", "options", "constants", "threads"]))
def test_a_foreign_manifest(saved: bytes, tmp_path_factory: pytest.TempPathFactory, value: Any, key: str) -> None:
    path = tmp_path_factory.getbasetemp() / "foreign.ngc"
    path.write_bytes(saved)
    rewrite(path, **{key: value})
    with contextlib.suppress(ArtifactError, InputError):  # a number of threads that is none is an InputError
        ngc.load(path).graph.find("data")


def test_sections_outside_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.ngc"
    write_artifact(path, {}, [NewSection("a", [b"abc"])])
    raw = path.read_bytes()
    length = struct.unpack_from("<Q", raw, 24)[0]
    for wrong in ('"length":9', '"length":-3', '"offset":-1', '"offset":4096', '"sha256":0'):
        manifest = raw[HEADER_BYTES:HEADER_BYTES + length].decode()
        name = wrong.partition(":")[0]
        start = manifest.index(name)
        manifest = manifest[:start] + wrong + manifest[manifest.index("]" if "sha" in name else ",", start) + ("sha" in name):]
        text = manifest.encode()
        body = raw[4096:]
        import hashlib

        header = struct.pack("<8sIIQQ32s", artifact_file.MAGIC, 1, 0, 4096 + len(body), len(text), hashlib.sha256(text).digest())
        path.write_bytes((header + text).ljust(4096, b"\0") + body)
        with pytest.raises(ArtifactError, match="its manifest is none of ngc's"):
            open_artifact(path)


# -- other machines, other versions ------------------------------------------------------------------------------------


def test_an_artifact_for_a_processor_with_more_features(path: Path) -> None:
    target = open_artifact(path).manifest["target"]
    rewrite(path, target={**target, "cpu": "future9", "required": [*target["required"], "avx1024f", "time-travel"]})
    with pytest.raises(ArtifactError) as error:
        ngc.load(path)
    assert f"{path} was compiled for 'cpu' (future9) and needs processor features that this machine (" in str(error.value)
    assert str(error.value).endswith('lacks: avx1024f, time-travel; compile the model on this machine, or for a smaller target such as "cpu:x86-64-v3"')


def test_an_artifact_for_another_architecture(path: Path) -> None:
    target = open_artifact(path).manifest["target"]
    rewrite(path, target={**target, "arch": "riscv64"})
    with pytest.raises(ArtifactError, match=r"holds riscv64 code for 'cpu'; this machine is \w+: compile the model for this machine$"):
        ngc.load(path)


def test_features_that_no_kernel_uses_are_not_required(executable: Executable) -> None:
    provided = ("avx2", "clzero", "rdseed", "sha", "sse4a")
    assert artifact_manifest.required_features(dataclasses.replace(executable.target, provided=provided)) == ["avx2", "sse4a"]


@pytest.mark.parametrize("change", [{"ngc": "0.0.1"}, {"abi": 0}])
def test_an_artifact_of_an_older_ngc_is_compiled_again(path: Path, caplog: pytest.LogCaptureFixture, change: dict[str, Any]) -> None:
    rewrite(path, **change)
    with caplog.at_level(logging.WARNING):
        loaded = ngc.load(path)
    assert "compiling its IR again" in caplog.text
    x = make_input()
    np.testing.assert_allclose(loaded.run({"data": x})[0], reference(x), rtol=1e-5, atol=1e-6)
    loaded.save(path)
    caplog.clear()
    ngc.load(path)
    assert not caplog.records


def test_an_older_artifact_with_ir_that_is_no_longer_known(path: Path) -> None:
    file = open_artifact(path)
    manifest = {name: value for name, value in file.manifest.items() if name != "sections"}
    sections = [NewSection(name, [bytes(section.read()).replace(b"= conv2d(", b"= convolve(")]) for name, section in file.sections.items()]
    write_artifact(path, {**manifest, "ngc": "0.0.1"}, sections)
    with pytest.raises(ArtifactError, match=r"was saved by ngc 0.0.1 \(ABI [0-9]+\), and ngc \S+ cannot compile its IR again: .*convolve"):
        ngc.load(path)


def test_a_newer_format(path: Path, saved: bytes) -> None:
    path.write_bytes(saved[:8] + struct.pack("<I", 7) + saved[12:])
    with pytest.raises(ArtifactError, match=r"has format 7; this ngc reads format 1: load it with the ngc that saved it, or save the model again$"):
        ngc.load(path)


# -- writing -----------------------------------------------------------------------------------------------------------


def test_a_folder_that_is_missing_and_a_path_that_is_no_file(executable: Executable, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"^cannot write .*x.ngc: No such file or directory; choose a folder that exists, is writable and has room"):
        executable.save(tmp_path / "missing" / "x.ngc")
    with pytest.raises(ArtifactError, match=r"^cannot write .*: it is no regular file; give the path of a file, such as model.ngc$"):
        executable.save(tmp_path)
    with pytest.raises(ArtifactError, match="it is no regular file"):
        executable.save("/dev/full")


def test_an_unwritable_folder(executable: Executable) -> None:
    with pytest.raises(ArtifactError, match=r"^cannot write /proc/x.ngc: "):
        executable.save("/proc/x.ngc")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(executable: Executable, path: Path, saved: bytes) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, hard))
        with pytest.raises(ArtifactError, match=r"^cannot write .*model.ngc: File too large; .*\(nothing was changed\)$"):
            executable.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert os.listdir(path.parent) == ["model.ngc"]
    assert path.read_bytes() == saved


def test_a_link_stays_a_link(executable: Executable, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "model.ngc"
    link.symlink_to(tmp_path / "real" / "model.ngc")
    executable.save(link)
    assert link.is_symlink()
    assert ngc.load(tmp_path / "real" / "model.ngc").inputs == executable.inputs


def test_the_mode_follows_the_umask(executable: Executable, tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        executable.save(tmp_path / "x.ngc")
    finally:
        os.umask(old)
    assert (tmp_path / "x.ngc").stat().st_mode & 0o777 == 0o640


def test_saving_refuses_to_copy_damage(path: Path, saved: bytes, tmp_path: Path) -> None:
    data = bytearray(saved)
    data[section_offset(saved, "weights") + 4] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtifactError, match="of its section 'weights' differ"):
        ngc.load(path).save(tmp_path / "copy.ngc")
    assert not (tmp_path / "copy.ngc").exists()


def test_the_docstring_says_that_an_artifact_is_code() -> None:
    assert "An artifact is code." in (artifact.__doc__ or "")
    assert "trusted" in (ngc.load.__doc__ or "")


def resealed(path: Path, change: Callable[[dict[str, Any]], object], sections: Mapping[str, bytes] | None = None) -> None:
    """Writes an artifact again, with a changed manifest and other sections, and with digests that are true."""
    manifest, kept = open_parts(path.read_bytes()) or ({}, {})
    change(manifest)
    path.write_bytes(seal(manifest, {**kept, **(sections or {})}))


@pytest.mark.parametrize(("change", "message"), [
    (lambda manifest: manifest.update(threads={"": None}), r"its manifest is none of ngc's \(ValueError: threads=\{'': None\}: accepted are 1 to"),
    (lambda manifest: manifest["target"].update(name="gpu"), r"its manifest is none of ngc's \(InputError: unknown target 'gpu'"),
    (lambda manifest: manifest["target"].update(name="tensorrt"), r"its manifest is none of ngc's \(EngineError: target 'tensorrt' is an engine"),
    (lambda manifest: manifest.update(callbacks={"ngc_callback0": []}), r"the program calls nodes that its graph does not have: %\[\]"),
    (lambda manifest: manifest["symbols"].update({f"copy{size}": [0, size] for size in range(64)}), r"ValueError: objects overlap"),
])
def test_a_manifest_that_is_sealed_and_makes_no_sense(path: Path, change: Callable[[dict[str, Any]], object], message: str) -> None:
    resealed(path, change)
    with pytest.raises(ArtifactError, match=message):
        ngc.load(path)


@pytest.mark.parametrize(("name", "data", "message"), [
    ("ir", b"graph", r"its IR or what was decided about it is none of ngc's \(ParseError: .*model.ngc:1:6"),
    ("ir", b"\xff", r"UnicodeDecodeError"),
    ("events", zlib.compress(b"[" * 50_000), r"RecursionError"),
    ("events", zlib.compress(b"[[1,2,3]]"), r"not enough values to unpack"),
    ("events", zlib.compress(b'[["p","r","applied","n","",[["conv",[],0]]]]'), r"ValueError: a decision about no place in a model"),
    ("events", zlib.compress(b'[["p","r","applied",{},"",[]]]'), r"ValueError: a decision without its texts"),
    ("events", b"no zlib", r"ValueError: Error -3 while decompressing"),
])
def test_a_section_that_is_sealed_and_makes_no_sense(path: Path, name: str, data: bytes, message: str) -> None:
    resealed(path, lambda manifest: None, {name: data})
    loaded = ngc.load(path)
    with pytest.raises(ArtifactError, match=message):
        print(loaded.graph)


def test_decisions_that_unpack_to_any_size(path: Path) -> None:
    resealed(path, lambda manifest: None, {"events": zlib.compress(bytes(300 << 20), 1)})
    loaded = ngc.load(path)
    tracemalloc.start()
    try:
        with pytest.raises(ArtifactError, match=r"decisions of more than 67108864 bytes, or cut off"):
            print(loaded.graph)
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("field", "wrong", "reason"), [
    ("shape", [float("inf")], "cannot convert float infinity to integer"),
    ("shape", [-1], r"<f4\[-1\] is no constant"),
    ("dtype", "(,)", r"'\(,\)'"),
    ("dtype", "O", "'O'"),
    ("dtype", ["<f4"], "unhashable type: 'list'"),
])  # fmt: skip
def test_a_constant_that_none_can_be(path: Path, field: str, wrong: object, reason: str) -> None:
    def change(manifest: dict[str, Any]) -> None:
        next(iter(manifest["constants"].values()))[field] = wrong

    resealed(path, change)
    graph = ngc.load(path).graph
    with pytest.raises(ArtifactError, match=rf"the manifest describes a constant wrongly \({reason}\)"):
        print([node.weight.array for node in graph if node.weight is not None])


@pytest.mark.parametrize("wrong", [{"sha256": {"0": 0}}, {"offset": 0.0}, {"length": "1"}])
def test_a_table_of_sections_that_makes_no_sense(path: Path, wrong: dict[str, Any]) -> None:
    manifest, sections = open_parts(path.read_bytes()) or ({}, {})
    path.write_bytes(seal(manifest, sections, lambda table: {name: {**entry, **wrong} for name, entry in table.items()}))
    with pytest.raises(ArtifactError, match=r"its manifest is none of ngc's \(TypeError"):
        ngc.load(path)


def test_engines_that_share_a_file(path: Path) -> None:
    image = {"node": "conv", "name": "r", "engine": "neuron", "inputs": [], "outputs": [], "files": {"hlo": "ir", "neff": "ir"}, "parameters": [], "facts": {}}
    resealed(path, lambda manifest: manifest.update(engines=[image, {**image, "node": "relu"}]))
    with pytest.raises(ArtifactError, match=r"ValueError: engines share a file"):
        ngc.load(path)


def test_an_engine_for_a_node_without_a_region(path: Path) -> None:
    name = ngc.load(path).graph.outputs[0].name
    image = {"node": name, "name": "r", "engine": "neuron", "inputs": [], "outputs": [], "files": {}, "parameters": [], "facts": {}}
    resealed(path, lambda manifest: manifest.update(engines=[image], callbacks={"ngc_callback0": name}))
    with pytest.raises(ArtifactError, match=rf"engines were built for nodes that have no region: %{name}"):
        ngc.load(path)
