"""The .params reader: golden bytes of every version, foreign and damaged files, and files of MXNet."""

import io
import struct
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngc.errors import ImportFailure, NgcError
from ngc.importer.params import load_params, split_params
from ngc.importer.source_bytes import SourceFile, open_source

V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)


def list_file(arrays: list[bytes], names: list[str] | None) -> bytes:
    """Returns a list file around encoded arrays."""
    encoded = [name.encode() for name in names or []]
    tail = b"".join(struct.pack("<Q", len(name)) + name for name in encoded)
    return (
        struct.pack("<QQQ", 0x112, 0, len(arrays)) + b"".join(arrays) + struct.pack("<Q", len(encoded)) + tail
    )


def shape(dims: tuple[int, ...], code: str = "q") -> bytes:
    return struct.pack(f"<i{len(dims)}{code}", len(dims), *dims)


def context(device: int = 1, number: int = 0) -> bytes:
    return struct.pack("<ii", device, number)


def dense(magic: int | None, values: np.ndarray, flag: int = 0, device: int = 1) -> bytes:
    """Returns one dense array in V0 (no magic), V1, V2 or V3."""
    head = b"" if magic is None else struct.pack("<I", magic)
    if magic in (V2, V3):
        head += struct.pack("<i", 0)
    dims = shape(values.shape, "I" if magic is None else "q")
    return head + dims + context(device) + struct.pack("<i", flag) + values.tobytes()


def row_sparse(full: tuple[int, ...], rows: np.ndarray, indices: np.ndarray) -> bytes:
    head = struct.pack("<Ii", V2, 1) + shape(rows.shape) + shape(full) + context() + struct.pack("<i", 0)
    return head + struct.pack("<i", 6) + shape(indices.shape) + rows.tobytes() + indices.tobytes()


def csr(full: tuple[int, int], values: np.ndarray, indptr: np.ndarray, indices: np.ndarray) -> bytes:
    head = struct.pack("<Ii", V2, 2) + shape(values.shape) + shape(full) + context() + struct.pack("<i", 0)
    head += struct.pack("<i", 6) + shape(indptr.shape) + struct.pack("<i", 6) + shape(indices.shape)
    return head + values.tobytes() + indptr.tobytes() + indices.tobytes()


@pytest.mark.parametrize("magic", [None, V1, V2, V3])
@pytest.mark.parametrize("device", [1, 2, 3, 5])
def test_every_version_and_device(magic: int | None, device: int) -> None:
    params = load_params(list_file([dense(magic, VALUES, device=device)], ["arg:w"]))
    assert list(params) == ["arg:w"]
    assert params["arg:w"].dtype == np.float32
    np.testing.assert_array_equal(params["arg:w"], VALUES)


@pytest.mark.parametrize(
    ("flag", "dtype"),
    [
        (0, "<f4"),
        (1, "<f8"),
        (2, "<f2"),
        (3, "u1"),
        (4, "<i4"),
        (5, "i1"),
        (6, "<i8"),
        (7, "?"),
        (8, "<i2"),
        (9, "<u2"),
        (10, "<u4"),
        (11, "<u8"),
    ],
)
def test_every_type_flag(flag: int, dtype: str) -> None:
    values = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    params = load_params(list_file([dense(V2, values, flag)], ["w"]))
    assert params["w"].dtype == np.dtype(dtype)
    np.testing.assert_array_equal(params["w"], values)


def test_bfloat16_is_widened_exactly() -> None:
    bits = np.array([0x3F80, 0xC000, 0x7F80, 0x0001], np.uint16)
    params = load_params(list_file([dense(V2, bits, 12)], ["w"]))
    np.testing.assert_array_equal(params["w"], np.array([1.0, -2.0, np.inf, 2.0**-133], np.float32))


def test_scalar_and_empty_arrays_of_v3() -> None:
    empty = np.zeros((0, 3), np.float32)
    params = load_params(list_file([dense(V3, np.array(2.5, np.float32)), dense(V3, empty)], ["s", "e"]))
    assert params["s"].shape == ()
    assert float(params["s"]) == 2.5
    assert params["e"].shape == (0, 3)


def test_uninitialized_array_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    none_v2 = struct.pack("<Ii", V2, 0) + shape(())
    none_v3 = struct.pack("<Iii", V3, 0, -1)
    params = load_params(list_file([none_v2, none_v3, dense(V2, VALUES)], ["a", "b", "c"]))
    assert list(params) == ["c"]
    assert "'a' was saved before it was initialized" in caplog.text


def test_row_sparse_becomes_dense() -> None:
    rows = np.array([[1, 2], [3, 4]], np.float32)
    params = load_params(list_file([row_sparse((4, 2), rows, np.array([0, 3]))], ["w"]))
    np.testing.assert_array_equal(params["w"], [[1, 2], [0, 0], [0, 0], [3, 4]])


def test_csr_becomes_dense() -> None:
    values = np.array([5, 6, 7], np.float32)
    data = csr((3, 4), values, np.array([0, 1, 1, 3]), np.array([2, 0, 3]))
    np.testing.assert_array_equal(
        load_params(list_file([data], ["w"]))["w"], [[0, 0, 5, 0], [0, 0, 0, 0], [6, 0, 0, 7]]
    )


def test_dense_arrays_are_views_of_the_file() -> None:
    data = list_file([dense(V2, VALUES)], ["w"])
    assert not load_params(data)["w"].flags.owndata


def test_bytes_after_the_list_and_reserved_word_are_not_looked_at() -> None:
    data = bytearray(list_file([dense(V2, VALUES)], ["w"]) + b"tail")
    data[8] = 9
    np.testing.assert_array_equal(load_params(bytes(data))["w"], VALUES)


FAILURES = [
    (b"", "the file is empty"),
    (b"\n<!DOCTYPE html>", "HTML or XML page"),
    (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    (b'{"nodes": []}', "JSON text"),
    (b"\x1f\x8b\x08abcdefgh", "gzip"),
    (b"\0" * 64, "interrupted download"),
    (b"\x93NUMPY\x01\0", "one .npy array without a name"),
    (b"\x80\x04\x95abcdefgh", "pickle"),
    (b"abcdefgh", "the first bytes are 61 62 63 64 65 66 67 68"),
    (
        list_file([dense(V2, VALUES)], ["w"])[:70],
        r"array 0 of 1 \(byte 64\): truncated: the data of float32\[2, 3\]",
    ),
    (list_file([dense(V2, VALUES)], None), "1 arrays without names"),
    (list_file([dense(V2, VALUES)], ["a", "b"]), "2 names for 1 arrays"),
    (list_file([dense(V2, VALUES, flag=13)], ["w"]), r"array 0 of 1 \(byte 60\): unknown type flag 13"),
    (list_file([dense(V2, VALUES, device=9)], ["w"]), r"unknown device type 9, expected 1, 2, 3, 5"),
    (list_file([struct.pack("<Ii", V2, 7)], ["w"]), "unknown storage type 7"),
    (list_file([struct.pack("<Iii", V3, 1, 0)], ["w"]), "unknown storage type 1"),
    (list_file([struct.pack("<I", 0xF993FACB)], ["w"]), "4187224779 dimensions, expected 0 to 32"),
    (struct.pack("<QQQ", 0x112, 0, 1 << 60), "1152921504606846976 arrays cannot stand"),
    (
        list_file([struct.pack("<Ii", V2, 0) + shape((1 << 40, 1 << 40)) + context() + bytes(4)], ["w"]),
        "truncated",
    ),
    (
        list_file([struct.pack("<Ii", V2, 0) + shape((-1, 2)) + context() + bytes(4)], ["w"]),
        "negative dimension",
    ),
    (
        list_file([row_sparse((4, 2), np.zeros((1, 2), np.float32), np.array([4]))], ["w"]),
        "row indices run from 4 to 4, expected 0 to 3",
    ),
    (
        list_file([row_sparse((1 << 40, 2), np.zeros((1, 2), np.float32), np.array([4]))], ["w"]),
        r"would take 8796093022208 bytes, but the file has only \d+",
    ),
    (
        list_file([csr((2, 2), np.ones(1, np.float32), np.array([0, 2, 1]), np.array([0]))], ["w"]),
        "row pointers",
    ),
]


@pytest.mark.parametrize(("data", "message"), FAILURES, ids=[message[:30] for _, message in FAILURES])
def test_damaged_and_foreign_files(data: bytes, message: str) -> None:
    with pytest.raises(ImportFailure, match=message):
        load_params(data)


def test_name_that_is_not_utf8() -> None:
    data = list_file([dense(V2, VALUES)], ["w"])[:-1] + b"\xff"
    with pytest.raises(ImportFailure, match="is not UTF-8"):
        load_params(data)


def test_paths(tmp_path: Path) -> None:
    path = tmp_path / "net-0000.params"
    path.write_bytes(list_file([dense(V2, VALUES)], ["w"]))
    np.testing.assert_array_equal(load_params(path)["w"], VALUES)
    np.testing.assert_array_equal(load_params(str(path))["w"], VALUES)
    with pytest.raises(ImportFailure, match=r"no such file; .* the folder holds net-0000\.params"):
        load_params(tmp_path / "net-0001.params")
    with pytest.raises(ImportFailure, match="folder"):
        load_params(tmp_path)


def npz_file(arrays: dict[str, np.ndarray], compressed: bool = False) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize("compressed", [False, True])
def test_zip_form(compressed: bool) -> None:
    arrays = {
        "arg:w": VALUES,
        "aux:m": np.asfortranarray(VALUES).astype(np.float16),
        "s": np.array(3, np.int64),
    }
    params = load_params(npz_file(arrays, compressed))
    assert params.keys() == arrays.keys()
    for name, values in arrays.items():
        assert params[name].dtype == values.dtype
        np.testing.assert_array_equal(params[name], values)


def test_zip_form_of_sparse_and_bfloat16() -> None:
    stream = io.BytesIO()
    np.savez(
        stream,
        **{
            "arg:c/data": np.array([5.0], np.float32),
            "arg:c/indices": np.array([1]),
            "arg:c/indptr": np.array([0, 1, 1]),
            "arg:c/shape": np.array([2, 2]),
            "arg:c/format": np.array(b"csr"),
            "arg:r/data": np.array([[1, 2]], np.float32),
            "arg:r/indices": np.array([1]),
            "arg:r/shape": np.array([2, 2]),
            "arg:r/format": np.array(b"row_sparse"),
            "arg:b": np.array([0x3F80], "<u2").view([("bfloat16", "<u2")]),
        },
    )
    params = load_params(stream.getvalue())
    assert params.keys() == {"arg:c", "arg:r", "arg:b"}
    np.testing.assert_array_equal(params["arg:c"], [[0, 5], [0, 0]])
    np.testing.assert_array_equal(params["arg:r"], [[0, 0], [1, 2]])
    np.testing.assert_array_equal(params["arg:b"], np.array([1], np.float32))


def test_zip_form_never_unpickles() -> None:
    stream = io.BytesIO()
    np.savez(stream, w=np.array([{}], dtype=object))
    with pytest.raises(ImportFailure, match="has dtype object"):
        load_params(stream.getvalue())


def test_zip_bomb_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", bytes(80 << 20))
    with pytest.raises(ImportFailure, match="the unpacked archive would take 83886080 bytes"):
        load_params(stream.getvalue())


def test_split_at_the_first_colon() -> None:
    array = np.zeros(1, np.float32)
    arg, aux = split_params({"arg:a:b": array, "aux:m": array, "plain": array})
    assert list(arg) == ["a:b", "plain"]
    assert list(aux) == ["m"]


def test_names_of_save_parameters_are_refused() -> None:
    array = np.zeros(1, np.float32)
    with pytest.raises(
        ImportFailure, match=r"'features\.0\.weight' come from Block\.save_parameters .*export"
    ):
        split_params({"features.0.weight": array, "output.bias": array})


def sample_file() -> bytes:
    """Returns a file that holds every kind of array."""
    rows = np.array([[1, 2]], np.float32)
    arrays = [
        dense(None, VALUES),
        dense(V1, VALUES),
        dense(V2, VALUES),
        dense(V3, VALUES),
        row_sparse((4, 2), rows, np.array([3])),
        csr((2, 2), np.ones(1, np.float32), np.array([0, 1, 1]), np.array([0])),
    ]
    return list_file(arrays, [f"arg:p{index}" for index in range(len(arrays))])


SAMPLES = [sample_file(), npz_file({"arg:w": VALUES}), npz_file({"arg:w": VALUES}, compressed=True)]


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_mutated_files_raise_nothing_but_ngc_errors(data: st.DataObject) -> None:
    mutated = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 4))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    mutated = mutated[: data.draw(st.integers(0, len(mutated)) | st.just(len(mutated)))]
    try:
        params = load_params(bytes(mutated))
    except NgcError:
        return
    assert sum(array.nbytes for array in params.values()) < 64 << 20


def test_files_that_mxnet_writes(tmp_path: Path, mx: ModuleType) -> None:
    rng = np.random.default_rng(0)
    arrays = {
        f"arg:{dtype}": mx.nd.array(rng.uniform(-9, 9, (3, 5)), dtype=dtype)
        for dtype in ("float32", "float64", "float16", "int8", "int32", "int64")
    }
    arrays["aux:uint8"] = mx.nd.array(rng.integers(0, 255, 7), dtype="uint8")
    arrays["arg:bool"] = mx.nd.array([1, 0, 1]) > 0
    arrays["arg:rows"] = mx.nd.array(np.diag([0, 1, 0, 2])).tostype("row_sparse")
    arrays["arg:csr"] = mx.nd.array(np.diag([0, 1, 0, 2])).tostype("csr")
    mx.nd.waitall()  # a csr array that is still being made is saved with what its memory held before
    path = tmp_path / "net-0000.params"
    mx.nd.save(str(path), arrays)
    params = load_params(path)
    assert params.keys() == arrays.keys()
    for name, array in arrays.items():
        expected = array.asnumpy()
        assert params[name].dtype == expected.dtype
        np.testing.assert_array_equal(params[name], expected)


def test_arrays_of_a_file_have_memory_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "two.params"
    path.write_bytes(list_file([dense(V2, VALUES), dense(V2, VALUES + 1)], ["a", "b"]))
    arrays = load_params(path)
    assert not np.shares_memory(arrays["a"], arrays["b"])
    assert not any(array.flags.writeable for array in arrays.values())
    np.testing.assert_array_equal(arrays["b"], VALUES + 1)
    bases = []
    for array in arrays.values():
        base = array
        while isinstance(base, np.ndarray) and base.base is not None:
            base = base.base.obj if isinstance(base.base, memoryview) else base.base
        bases.append(base.nbytes)
    assert bases == [VALUES.nbytes] * 2


def test_a_file_that_becomes_shorter_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "shrinking.params"
    path.write_bytes(bytes(64))
    with open_source(path, what="a .params file", name="<params>") as source:
        assert bytes(source.piece(60, 4)) == bytes(4)
        path.write_bytes(bytes(10))
        with pytest.raises(ImportFailure) as error:
            source.piece(0, 64)
    assert str(error.value) == f"{path}: became shorter while it was read"


def test_a_file_that_cannot_be_read_on(tmp_path: Path) -> None:
    source = SourceFile(-1, 8, "gone.params")
    with pytest.raises(ImportFailure, match=r"^gone\.params: cannot be read \(\[Errno 9\] Bad file descriptor\)$"):
        source.piece(0, 8)
