"""Parameter files without MXNet: what is written, ngc and MXNet read."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ngc.errors import InputError
from ngc.importer import load_params
from ngc.importer.params_writer import save_params

DTYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64")
ARRAYS = st.sampled_from(DTYPES).flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=4, max_side=4)))


@given(st.dictionaries(st.text(min_size=1, max_size=8).filter(str.isprintable).map("arg:{}".format), ARRAYS, max_size=4))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, params: dict[str, np.ndarray]) -> None:
    path = tmp_path_factory.mktemp("params") / "p.params"
    save_params(path, params)
    read = load_params(path)
    assert list(read) == list(params)
    for name, array in params.items():
        assert read[name].dtype == array.dtype
        np.testing.assert_array_equal(read[name], array)
    assert [entry.name for entry in path.parent.iterdir()] == ["p.params"]


def test_mxnet_reads_it(mx: ModuleType, tmp_path: Path) -> None:
    params = {f"arg:{dtype}": np.arange(12).reshape(3, 4).astype(dtype)[:, ::2] for dtype in DTYPES}
    save_params(tmp_path / "p.params", params)
    read = mx.nd.load(str(tmp_path / "p.params"))
    assert list(read) == list(params)
    for name, array in params.items():
        np.testing.assert_array_equal(read[name].asnumpy(), array)


@pytest.mark.parametrize(("array", "message"), [
    (np.zeros(2, np.complex64), "^parameter 'arg:w' has dtype complex64; MXNet 1.x reads float32, "),
    (np.zeros((), np.float32), "^parameter 'arg:w' has no dimensions, which MXNet 1.x reads as an array without values; give it the shape \\(1,\\)$")])
def test_arrays_that_mxnet_could_not_read_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        save_params(tmp_path / "p.params", {"arg:w": array})
    assert not list(tmp_path.iterdir())
