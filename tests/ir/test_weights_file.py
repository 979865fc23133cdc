"""The side file of weights, and stand-ins for missing ones."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.errors import ArtifactError, NgcError
from ngc.ir import Graph, GraphBuilder, Weight, evaluate, load_weights, parse, save_weights, verify
from ngc.ir.random_data import fill_missing_weights, random_feeds
from ngc.ir.weights_file import collect_weights
from tests.strategies import feeds_for, graphs


def small() -> Graph:
    b = GraphBuilder("small")
    x = b.input("x", (2, 3))
    names = ("a/b", "file", "w", "w")
    arrays = (np.ones((1, 3)), np.arange(3).reshape(1, 3), np.full((2, 3), 2), np.full((2, 3), 3))
    y = x
    for name, array in zip(names, arrays, strict=True):
        y = b.op("add", y, b.const(name, array.astype(np.float32)))
    return b.finish([y])


def test_weights_come_back(tmp_path: Path) -> None:
    graph = small()
    save_weights(graph, tmp_path / "w.npz")
    weights = load_weights(tmp_path / "w.npz")
    names = list(weights)
    assert names[:2] == ["a/b", "file"]
    assert all(name.startswith("w#") for name in names[2:])  # one name, two arrays
    again = parse(str(graph), weights)
    verify(again)
    assert str(again) == str(graph)
    feeds = feeds_for(graph)
    np.testing.assert_array_equal(evaluate(graph, feeds)[0], evaluate(again, feeds)[0])
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]


def test_the_same_weights_give_the_same_file(tmp_path: Path) -> None:
    save_weights(small(), tmp_path / "1.npz")
    save_weights(small(), tmp_path / "2.npz")
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


def test_numpy_reads_and_writes_the_same_form(tmp_path: Path) -> None:
    save_weights(small(), tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as arrays:
        np.testing.assert_array_equal(arrays["a/b"], np.ones((1, 3), np.float32))
    np.savez(tmp_path / "n.npz", f=np.asfortranarray(np.arange(6.0).reshape(2, 3)), s=np.float32(3), e=np.zeros((0, 4)), big=np.arange(3, dtype=">i4"))
    loaded = load_weights(tmp_path / "n.npz")
    np.testing.assert_array_equal(loaded["f"], np.arange(6.0).reshape(2, 3))
    assert loaded["f"].flags.c_contiguous
    assert loaded["s"].shape == ()
    assert loaded["e"].shape == (0, 4)
    assert loaded["big"].dtype == np.dtype(np.int32)


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"none.npz: the weights cannot be read: No such file or directory"):
        load_weights(tmp_path / "none.npz")
    (tmp_path / "bad.npz").write_bytes(b"<html>")
    with pytest.raises(ArtifactError, match=r"bad.npz: this is no .npz archive of weights, or a damaged one: File is not a zip file"):
        load_weights(tmp_path / "bad.npz")
    np.savez_compressed(tmp_path / "zip.npz", a=np.zeros(10_000))
    with pytest.raises(ArtifactError, match=r"the weights are compressed or overlap; write them with save_weights or numpy\.savez"):
        load_weights(tmp_path / "zip.npz")
    np.savez(tmp_path / "text.npz", a=np.array(["a", "b"]))
    with pytest.raises(ArtifactError, match=r"text.npz: a.npy has dtype <U1; expected floating point, integer or bool numbers"):
        load_weights(tmp_path / "text.npz")
    with zipfile.ZipFile(tmp_path / "short.npz", "w") as archive:
        stream = io.BytesIO()
        np.save(stream, np.zeros(8))
        archive.writestr("a.npy", stream.getvalue()[:-8])
    with pytest.raises(ArtifactError, match=r"short.npz: a.npy declares float64\[8\] but holds 56 bytes"):
        load_weights(tmp_path / "short.npz")
    with pytest.raises(ArtifactError, match=r"the weights cannot be written to .*: No such file or directory"):
        save_weights(small(), tmp_path / "no" / "w.npz")


def test_devices_are_written_to_not_replaced() -> None:
    save_weights(small(), "/dev/null")
    assert not Path("/dev/null").is_file()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=8))
def test_damaged_files_give_arrays_or_an_error(tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, int]]) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    save_weights(small(), path)
    data = bytearray(path.read_bytes())
    for place, byte in edits:
        data[place % len(data)] = byte
    path.write_bytes(data)
    try:
        load_weights(path)
    except NgcError:
        return


@settings(deadline=None, max_examples=25)
@given(graphs(), graphs(with_steps=True))
def test_text_without_weights_can_be_evaluated(imported: Graph, fused: Graph) -> None:
    for graph in (imported, fused):
        bare = parse(str(graph))
        assert fill_missing_weights(bare) == len(collect_weights(graph))
        verify(bare)
        for array in evaluate(bare, random_feeds(bare)):
            assert np.isfinite(array).all()
        again = parse(str(graph))
        fill_missing_weights(again)
        assert str(again) == str(bare)


def test_stand_ins_have_their_type_and_positive_variances() -> None:
    text = """graph @g(%x: f32[2,64]) {
  %g = const @g : f32[64]
  %b = const @b : f32[64]
  %v = const @v : f32[64]
  %n = batch_norm(%x, %g, %b, %b, %v) : f32[2,64]
  %i = const @i : i32[3]
  return %n, %i
}"""
    graph = parse(text)
    assert fill_missing_weights(graph, seed=1) == 4
    assert fill_missing_weights(graph) == 0
    verify(graph)
    assert graph.find("v").array.min() > 0
    assert graph.find("b").array.min() < 0


def test_digests() -> None:
    array = np.arange(6, dtype=np.float32)
    assert Weight("a", array) == Weight("a", array.copy())
    assert Weight("a", array) != Weight("b", array)
    assert Weight("a", array) != Weight("a", array.reshape(2, 3))
    assert Weight("a", array).digest != Weight("a", array.astype(np.float64)).digest
    assert Weight("a", None).digest == ""
    assert len({Weight("a", array), Weight("a", array.copy())}) == 1


@pytest.mark.parametrize("field", [20, 24], ids=["compressed size", "size"])
def test_sizes_beyond_the_file_are_refused_before_anything_is_read(tmp_path: Path, field: int) -> None:
    np.savez(tmp_path / "w.npz", a=np.zeros(3))
    data = bytearray((tmp_path / "w.npz").read_bytes())
    entry = data.index(b"PK\x01\x02")  # of the central directory
    data[entry + field : entry + field + 4] = (2**31 - 1).to_bytes(4, "little")
    (tmp_path / "w.npz").write_bytes(data)
    with pytest.raises(ArtifactError, match="the weights are compressed or overlap"):
        load_weights(tmp_path / "w.npz")
