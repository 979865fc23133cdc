"""`simple_bind` and its executor: with MXNet's own objects, and with plain arrays where MXNet is not installed."""

import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ngc
import ngc.compat
from ngc.compat import Executor, simple_bind
from ngc.errors import EngineError, ImportFailure, InputError
from tests.checkpoints import CLASSES, SHAPE, make_input, make_params, reference, symbol_json, write_checkpoint

# float32 through 27 products, 99 pixels and a softmax.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}

PARAMS = make_params()
ARG = {name[4:]: array for name, array in PARAMS.items() if name.startswith("arg:")}
AUX = {name[4:]: array for name, array in PARAMS.items() if name.startswith("aux:")}


def bound(**options: Any) -> Executor:
    executor = simple_bind(symbol_json(), data=SHAPE, **options)
    executor.copy_params_from(ARG, AUX)
    return executor


# -- with MXNet --------------------------------------------------------------------------------------------------------


def measure_latency(mx: ModuleType, prefix: str, bind: Any) -> tuple[list[float], np.ndarray]:
    """A latency script as MXNet's documentation has it; `bind` is the line that changes."""
    import time

    sym, arg_params, aux_params = mx.model.load_checkpoint(prefix, 0)
    batch = mx.io.DataBatch([mx.nd.array(make_input())])
    model = bind(sym)
    model.copy_params_from(arg_params, aux_params)
    times = []
    for i in range(2 + 3):
        start = time.time()
        model.forward(is_train=False, data=batch.data[0])
        for output in model.outputs:
            output.wait_to_read()
        if i >= 2:
            times.append(time.time() - start)
    return times, model.outputs[0].asnumpy()


def test_a_latency_script_runs_with_its_bind_line_changed(mx: ModuleType, tmp_path: Path) -> None:
    prefix = write_checkpoint(tmp_path)
    _, wanted = measure_latency(mx, prefix, lambda sym: sym.simple_bind(ctx=mx.cpu(), grad_req="null", force_rebind=True, data=SHAPE))
    times, actual = measure_latency(mx, prefix, lambda sym: ngc.compat.simple_bind(sym, ctx=mx.cpu(), grad_req="null", force_rebind=True, data=SHAPE))
    assert len(times) == 3
    np.testing.assert_allclose(actual, wanted, **CLOSE)


def test_every_executor_answers_like_mxnets(mx: ModuleType) -> None:
    sym = mx.sym.load_json(symbol_json())
    theirs = sym.simple_bind(ctx=mx.cpu(), grad_req="null", data=SHAPE)
    ours = simple_bind(sym, ctx=mx.cpu(), data=SHAPE)
    assert list(ours.arg_dict) == list(theirs.arg_dict)
    assert list(ours.aux_dict) == list(theirs.aux_dict)
    for mine, other in zip((*ours.arg_arrays, *ours.aux_arrays), (*theirs.arg_arrays, *theirs.aux_arrays), strict=True):
        assert (mine.shape, mine.dtype, mine.size, mine.ndim) == (other.shape, other.dtype, other.size, other.ndim)
    for executor in (theirs, ours):  # as scripts do that make up their own weights
        for name, array in (*executor.arg_dict.items(), *executor.aux_dict.items()):
            array[:] = mx.nd.array(np.linspace(0.1, 1.0, array.size).reshape(array.shape))
            assert name
        executor.forward(is_train=False)
    np.testing.assert_allclose(ours.outputs[0].asnumpy(), theirs.outputs[0].asnumpy(), **CLOSE)
    assert list(ours.output_dict) == list(theirs.output_dict)
    assert (ours.outputs[0].shape, ours.outputs[0].dtype) == (theirs.outputs[0].shape, theirs.outputs[0].dtype)
    with pytest.raises(EngineError, match=r"^ctx=gpu\(0\): ngc.compat.simple_bind compiles for the CPU; pass ctx=mx.cpu\(\) or None$"):
        simple_bind(sym, ctx=mx.gpu(0), data=SHAPE)


# -- without MXNet -----------------------------------------------------------------------------------------------------


def test_a_symbol_by_path_prefix_text_and_dictionary(tmp_path: Path) -> None:
    prefix = write_checkpoint(tmp_path)
    x = make_input()
    for sym in (prefix, f"{prefix}-symbol.json", Path(f"{prefix}-symbol.json"), symbol_json()):
        executor = simple_bind(sym, data=SHAPE)
        executor.copy_params_from(ARG, AUX)
        outputs = executor.forward(is_train=False, data=x)
        np.testing.assert_allclose(outputs[0].asnumpy(), reference(x), **CLOSE)
        assert executor.outputs[0] is outputs[0]


def test_inputs_are_copied_and_converted() -> None:
    executor = bound()
    x = make_input().astype(np.float64)
    first = executor.forward(data=x)[0].asnumpy()
    x[:] = 0
    np.testing.assert_array_equal(executor.forward()[0].asnumpy(), first)
    executor.arg_dict["data"][:] = 0
    np.testing.assert_allclose(executor.forward()[0].asnumpy(), reference(np.zeros(SHAPE, np.float32)), **CLOSE)
    executor.arg_dict["data"][0] = make_input()[0]
    np.testing.assert_allclose(executor.forward()[0][:1].asnumpy(), reference(make_input())[:1], **CLOSE)


def test_outputs_are_arrays_of_their_own() -> None:
    executor = bound()
    output = executor.forward(data=make_input())[0]
    output.wait_to_read()
    assert (output.shape, output.dtype, output.size, output.ndim, len(output)) == ((2, CLASSES), np.float32, 2 * CLASSES, 2, 2)
    copy = output.asnumpy()
    copy[:] = -1
    assert output.asnumpy().min() >= 0
    np.testing.assert_array_equal(np.asarray(output), output.asnumpy())
    assert output[1, 2].asscalar() == output.asnumpy()[1, 2]
    assert repr(output).endswith("<OutputArray 2x7 @cpu(0)>")
    with pytest.raises(InputError, match=r"^asscalar takes an array of one element, not of shape \(2, 7\)$"):
        output.asscalar()


def test_assigned_parameters_count_at_the_next_forward() -> None:
    executor = bound()
    x = make_input()
    executor.forward(data=x)
    executor.arg_dict["fc_bias"][:] = np.arange(CLASSES)
    wanted = reference(x, {**PARAMS, "arg:fc_bias": np.arange(CLASSES, dtype=np.float32)})
    np.testing.assert_allclose(executor.forward()[0].asnumpy(), wanted, **CLOSE)
    compiled = executor.executable
    executor.forward()
    assert executor.executable is compiled


def test_reshape_shares_parameters() -> None:
    executor = bound()
    other = executor.reshape(data=(5, 3, 4, 4))
    x = np.random.default_rng(0).normal(size=(5, 3, 4, 4)).astype(np.float32)
    np.testing.assert_allclose(other.forward(data=x)[0].asnumpy(), reference(x), **CLOSE)
    executor.arg_dict["fc_bias"][:] = 1
    assert other.arg_dict["fc_bias"].asnumpy().max() == 1
    np.testing.assert_allclose(other.forward()[0].asnumpy(), reference(x, {**PARAMS, "arg:fc_bias": np.ones(CLASSES, np.float32)}), **CLOSE)
    assert executor.arg_dict["data"].shape == SHAPE


def test_values_by_shared_buffer_and_labels() -> None:
    executor = simple_bind(symbol_json(), data=SHAPE, softmax_label=(2,), shared_buffer={**ARG, **AUX, "other": np.zeros(3)})
    x = make_input()
    np.testing.assert_allclose(executor.forward(data=x, softmax_label=np.zeros(2))[0].asnumpy(), reference(x), **CLOSE)


def test_the_executable_is_at_hand(tmp_path: Path) -> None:
    executor = bound()
    executor.executable.save(tmp_path / "model.ngc")
    x = make_input()
    np.testing.assert_array_equal(ngc.load(tmp_path / "model.ngc").run({"data": x})[0], executor.forward(data=x)[0].asnumpy())


def test_a_uint8_input() -> None:
    executor = bound(type_dict={"data": "uint8"})
    x = np.random.default_rng(0).integers(0, 4, SHAPE).astype(np.uint8)
    assert executor.arg_dict["data"].dtype == np.uint8
    try:
        result = executor.forward(data=x)[0].asnumpy()
    except ngc.NgcError:  # MXNet's convolution takes no bytes either; the graph has to cast
        return
    np.testing.assert_allclose(result, reference(x.astype(np.float32)), **CLOSE)


def test_compat_needs_no_import_of_its_own() -> None:
    script = "import sys, ngc; assert 'ngc.compat' not in sys.modules; ngc.compat.simple_bind; assert 'mxnet' not in sys.modules; print('compat' in dir(ngc))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stdout == "True\n"


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "message"), [
    ({"grad_req": "write"}, "grad_req='write': ngc compiles for inference and computes no gradients; pass grad_req=\"null\""),
    ({"grad_req": {"data": "null", "fc_bias": "add"}}, "grad_req={'data': 'null', 'fc_bias': 'add'}: ngc compiles for inference"),
    ({"grad_req": ["null", "write"]}, "grad_req=['null', 'write']: ngc compiles for inference"),
    ({"group2ctx": {"a": "cpu"}}, "group2ctx: ngc runs a model on one device; pass group2ctx=None"),
    ({"stype_dict": {"data": "csr"}}, "stype_dict={'data': 'csr'}: ngc keeps arrays dense; pass \"default\""),
    ({"dat": (1, 2)}, "the symbol has no argument 'dat'; its arguments are 'data', 'conv_weight', "),
    ({"data": "1,3"}, "data='1,3': expected the shape of an input, such as (1, 3, 224, 224)"),
    ({"data": (0, 3, 9, 11)}, "data=(0, 3, 9, 11): expected the shape of an input, such as (1, 3, 224, 224)"),
])
def test_wrong_bind_arguments(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        simple_bind(symbol_json(), **{"data": SHAPE, **options})
    assert str(error.value).startswith(message)


def test_a_context_by_name() -> None:
    assert simple_bind(symbol_json(), ctx="cpu", data=SHAPE).arg_dict["data"].shape == SHAPE
    with pytest.raises(EngineError, match=r"^ctx=gpu: ngc.compat.simple_bind compiles for the CPU"):
        simple_bind(symbol_json(), ctx="gpu", data=SHAPE)


def test_wrong_parameters() -> None:
    executor = simple_bind(symbol_json(), data=SHAPE)
    with pytest.raises(InputError, match=r"^the symbol has no argument 'extra'; pass allow_extra_params=True to leave out what it does not have$"):
        executor.copy_params_from({"extra": np.zeros(1)})
    with pytest.raises(InputError, match=r"^the symbol has no auxiliary state 'extra'"):
        executor.copy_params_from({}, {"extra": np.zeros(1)})
    executor.copy_params_from({**ARG, "extra": np.zeros(1)}, AUX, allow_extra_params=True)
    with pytest.raises(InputError, match=r"^'fc_bias' has shape \(7,\); the values have \(8,\)$"):
        executor.arg_dict["fc_bias"][:] = np.zeros(8)
    with pytest.raises(InputError, match=r"^'fc_bias' takes an array of numbers, not str$"):
        executor.arg_dict["fc_bias"][:] = "zero"
    with pytest.raises(InputError, match=r"^'fc_bias' takes an array: "):
        executor.arg_dict["fc_bias"][:] = [[1], [1, 2]]
    with pytest.raises(InputError, match=r"^'fc_bias' has shape \(7,\): "):
        executor.arg_dict["fc_bias"][9] = 1


def test_parameters_that_were_never_given() -> None:
    executor = simple_bind(symbol_json(), data=SHAPE)
    with pytest.raises(InputError, match=r"^the shape of 'fc_weight' follows from its values, and it has none yet; assign them or call copy_params_from$"):
        _ = executor.arg_dict["fc_weight"].shape
    assert repr(executor.arg_dict["fc_weight"]) == "<BoundArray fc_weight ? @cpu(0)>"
    executor.copy_params_from({name: array for name, array in ARG.items() if name != "fc_weight"}, AUX)
    with pytest.raises(ImportFailure, match=r"1 parameters are missing .*: 'fc_weight'"):
        executor.forward(data=make_input())


def test_wrong_forwards() -> None:
    executor = bound()
    with pytest.raises(InputError, match=r"^there are no outputs before the first forward\(\)$"):
        _ = executor.outputs
    with pytest.raises(InputError, match=r"^is_train=True: ngc compiles for inference; pass is_train=False$"):
        executor.forward(is_train=True)
    with pytest.raises(InputError, match=r"^the symbol has no argument 'dat'; its inputs are 'data'$"):
        executor.forward(dat=make_input())
    with pytest.raises(InputError, match=r"^'data' has shape \(2, 3, 9, 11\); the values have \(1, 3, 9, 11\)$"):
        executor.forward(data=make_input(1))
    with pytest.raises(InputError, match=r"^backward: ngc compiles for inference and computes no gradients$"):
        executor.backward()
