"""MXNet's TensorRT interfaces on TensorRT for RTX, which builds real engines without a GPU: the tutorials' calls, what is held, and what is refused."""

import gc
import json
import tracemalloc
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import pytest

import ngc.compat
import ngc.compat.tensorrt as trt
from ngc.codegen.tensorrt import PROVIDERS, load_library
from ngc.codegen.tensorrt.provider import known_capabilities
from ngc.compat.contexts import WITHOUT_GPU, Context, has_gpu
from ngc.errors import EngineError, InputError
from ngc.runtime.engines.cuda import CudaDevice
from tests.checkpoints import SHAPE, make_input, make_params, reference, symbol_json

pytest.importorskip("tensorrt_rtx")

PARAMS = {name[4:]: array for name, array in make_params().items()}
STATES = ("bn_moving_mean", "bn_moving_var")
ARG, AUX = {name: PARAMS[name] for name in PARAMS if name not in STATES}, {name: PARAMS[name] for name in STATES}
MISSING = r"^the TensorRT for RTX engine TensorRT0 \(for sm86, sm89\) cannot run here: no NVIDIA driver is installed"


@pytest.fixture(autouse=True)
def without_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_TENSORRT_TARGET", WITHOUT_GPU)
    monkeypatch.delenv("MXNET_USE_TENSORRT", raising=False)
    monkeypatch.delenv("MXNET_TENSORRT_USE_FP16", raising=False)


def bound(**options: Any) -> ngc.compat.Executor:
    return trt.tensorrt_bind(symbol_json(), ctx="gpu", all_params=PARAMS, data=SHAPE, grad_req="null", force_rebind=True, **options)


def operators(sym: Any) -> list[str]:
    return [node["op"] for node in json.loads(sym.tojson())["nodes"] if node["op"] != "null"]


def answer(executor: ngc.compat.Executor, x: Any) -> None:
    """Runs an executor, which says what is missing where there is no GPU."""
    if has_gpu():
        return  # the tests of engines run them
    with pytest.raises(EngineError, match=MISSING):
        executor.forward(is_train=False, data=x)


# -- the tutorials -----------------------------------------------------------------------------------------------------


def test_the_first_tutorial_builds_the_engine_of_resnet18(mx: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MXNet 1.3 and 1.4: one dictionary of all parameters, `tensorrt_bind`."""
    monkeypatch.chdir(tmp_path)
    batch_shape = (1, 3, 224, 224)
    resnet18 = mx.gluon.model_zoo.vision.resnet18_v2()
    resnet18.initialize(mx.init.Xavier())
    resnet18.hybridize()
    resnet18.forward(mx.nd.zeros(batch_shape))
    resnet18.export("resnet18_v2")
    sym, arg_params, aux_params = mx.model.load_checkpoint("resnet18_v2", 0)
    monkeypatch.setenv("MXNET_USE_TENSORRT", "1")
    arg_params.update(aux_params)
    all_params = dict([(k, v.as_in_context(mx.cpu())) for k, v in arg_params.items()])  # noqa: C404  # as the tutorial has it
    executor = trt.tensorrt_bind(sym, ctx=mx.gpu(0), all_params=all_params, data=batch_shape, grad_req="null", force_rebind=True)
    [image] = executor.executable.engines
    assert (image.engine, image.facts["precision"], image.facts["capabilities"]) == ("tensorrt-rtx", "fp32", ["sm86", "sm89"])
    assert image.size > 4 * 11_000_000  # bytes of the network's parameters in f32
    assert operators(trt.get_optimized_symbol(executor)) == ["_TensorRT"]
    assert executor.arg_dict.keys() == {"data"}
    answer(executor, mx.nd.zeros(batch_shape))


def test_the_second_tutorial_builds_in_fp16(tmp_path: Path) -> None:
    """MXNet 1.5 to 1.7: `get_backend_symbol`, `init_tensorrt_params`, then `simple_bind` as usual."""
    ngc.compat.save_checkpoint(tmp_path / "small", 0, symbol_json(), ARG, AUX)
    sym, arg_params, aux_params = ngc.compat.load_checkpoint(tmp_path / "small", 0)
    trt_sym = sym.get_backend_symbol("TensorRT")
    arg_params, aux_params = trt.init_tensorrt_params(trt_sym, arg_params, aux_params)
    trt.set_use_fp16(True)
    executor = trt_sym.simple_bind(ctx="gpu", data=SHAPE, grad_req="null", force_rebind=True)
    executor.copy_params_from(arg_params, aux_params)
    assert [image.facts["precision"] for image in executor.executable.engines] == ["fp16"]
    answer(executor, make_input())
    trt.set_use_fp16(False)
    executor = trt_sym.simple_bind(ctx="gpu", data=SHAPE, grad_req="null", force_rebind=True)
    executor.copy_params_from(arg_params, aux_params)
    assert [image.facts["precision"] for image in executor.executable.engines] == ["fp32"]


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_third_tutorial_divides_a_symbol(precision: str) -> None:
    """MXNet 1.8 and 1.9: `optimize_for` with the parameters, then `simple_bind`."""
    sym = ngc.compat.Symbol.of(symbol_json())
    trt_sym = sym.optimize_for("TensorRT", args=ARG, aux=AUX, ctx="gpu", precision=precision)
    executor = trt_sym.simple_bind(ctx="gpu", data=SHAPE, grad_req="null", force_rebind=True)
    assert [image.facts["precision"] for image in executor.executable.engines] == [precision]
    answer(executor, make_input())


HOW_TO_BIND = ["bind", "simple_bind"]


def bound_as_usual(sym: ngc.compat.Symbol, how: str, args: dict[str, Any], aux: dict[str, Any]) -> ngc.compat.Executor:
    """Returns an executor by one of the two ways that scripts have."""
    if how == "bind":
        return sym.bind("gpu", {**args, "data": make_input()}, aux_states=aux)
    executor = sym.simple_bind(ctx="gpu", data=SHAPE, grad_req="null", force_rebind=True)
    executor.copy_params_from(args, aux)
    return executor


@pytest.mark.parametrize("excluded", [[], ["fc"]])
@pytest.mark.parametrize("how", HOW_TO_BIND)
def test_a_symbol_divided_for_shapes_is_bound_as_usual(how: str, excluded: list[str]) -> None:
    """What went into the nodes is taken out of the caller's dictionaries, as MXNet does; those of a read-only mapping are taken all the same."""
    args, aux = dict(ARG), dict(AUX)
    trt_sym = ngc.compat.optimize_for(symbol_json(), "TensorRT", args=args, aux=aux, ctx="gpu", shape_dict={"data": SHAPE}, excl_node_names=excluded)
    assert (args.keys(), aux.keys()) == ({"fc_weight", "fc_bias"} if excluded else set(), set())
    for given, states in ((args, aux), (ARG, AUX)):
        executor = bound_as_usual(trt_sym, how, given, states)
        assert [image.facts["precision"] for image in executor.executable.engines] == ["fp16"]
        answer(executor, make_input())
    kept = MappingProxyType(ARG)
    ngc.compat.optimize_for(symbol_json(), "TensorRT", args=kept, aux=MappingProxyType(AUX), shape_dict={"data": SHAPE})
    assert len(kept) == len(ARG)


@pytest.mark.parametrize("how", HOW_TO_BIND)
def test_a_divided_symbol_is_saved_with_what_it_holds(how: str, tmp_path: Path) -> None:
    args, aux = dict(ARG), dict(AUX)
    trt_sym = ngc.compat.optimize_for(symbol_json(), "TensorRT", args=args, aux=aux, shape_dict={"data": SHAPE})
    ngc.compat.save_checkpoint(tmp_path / "divided", 0, trt_sym, args, aux)
    sym, args, aux = ngc.compat.load_checkpoint(tmp_path / "divided", 0)
    assert (args.keys(), aux.keys()) == (ARG.keys(), AUX.keys())
    left = trt.init_tensorrt_params(sym, args, aux)
    assert left == ({}, {})
    assert [image.name for image in bound_as_usual(sym, how, *left).executable.engines] == ["TensorRT0"]
    fresh, _, _ = ngc.compat.load_checkpoint(tmp_path / "divided", 0)
    assert [image.name for image in bound_as_usual(fresh, how, args, aux).executable.engines] == ["TensorRT0"]


def test_the_third_tutorial_divides_a_block(mx: ModuleType) -> None:
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Conv2D(4, 3, in_channels=3), mx.gluon.nn.BatchNorm(in_channels=4), mx.gluon.nn.Activation("relu"), mx.gluon.nn.Dense(5))
    net.initialize()
    x = mx.nd.array(make_input())
    compiled = ngc.compat.optimize_for(net, x, backend="TensorRT", static_alloc=True, static_shape=True, backend_opts={"precision": "fp16"})
    [image] = compiled.executable(x.shape).engines
    assert image.facts["precision"] == "fp16"
    assert operators(compiled.symbol) == ["_TensorRT"]


@pytest.mark.gpu
def test_a_gpu_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_gpu():
        pytest.skip("there is no GPU")
    device = CudaDevice.open()
    if device.capability not in known_capabilities(load_library(PROVIDERS["tensorrt-rtx"])):
        pytest.skip(f"TensorRT for RTX does not run on the {device.name} ({device.capability})")
    monkeypatch.delenv("NGC_TENSORRT_TARGET")
    x = make_input()
    # TensorRT may multiply f32 in TF32, which keeps 11 bits: 2**-11 of scores of the order of 1, through a softmax.
    np.testing.assert_allclose(bound().forward(is_train=False, data=x)[0].asnumpy(), reference(x), rtol=1e-2, atol=1e-3)


# -- what is held ------------------------------------------------------------------------------------------------------


def test_parameters_go_to_the_engine_and_are_not_held_twice(tmp_path: Path) -> None:
    """A dense layer of 16 MB: once the caller lets go, what is left is the engine."""
    size = 2048
    nodes = [{"op": "null", "name": name, "inputs": []} for name in ("data", "w", "b")]
    nodes.append({"op": "FullyConnected", "name": "fc", "attrs": {"num_hidden": str(size)}, "inputs": [[0, 0, 0], [1, 0, 0], [2, 0, 0]]})
    nodes.append({"op": "Activation", "name": "relu", "attrs": {"act_type": "relu"}, "inputs": [[3, 0, 0]]})
    text = json.dumps({"nodes": nodes, "arg_nodes": [0, 1, 2], "heads": [[4, 0, 0]]})
    bound()  # whatever is loaded once
    gc.collect()
    tracemalloc.start()
    params = {"w": np.ones((size, size), np.float32), "b": np.ones(size, np.float32)}
    executor = trt.tensorrt_bind(text, "gpu", params, data=(1, size))
    [image] = executor.executable.engines
    both = tracemalloc.get_traced_memory()[0]
    weight = params.pop("w").nbytes
    gc.collect()
    left = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert both - left >= weight  # nobody else held it
    assert left < image.size + weight // 4
    executor.executable.save(tmp_path / "dense.ngc")
    assert (tmp_path / "dense.ngc").stat().st_size < image.size + weight // 4


def test_an_engine_is_built_of_parameters_once(mx: ModuleType) -> None:
    sym = mx.sym.exp(mx.sym.gamma(mx.sym.FullyConnected(mx.sym.exp(mx.sym.var("data"), name="exp"), num_hidden=2, name="fc"), name="gamma"), name="after")
    sym = mx.sym.broadcast_mul(sym, mx.sym.var("scale"), name="scaled")
    params = {"fc_weight": np.ones((2, 3), np.float32), "fc_bias": np.ones(2, np.float32), "scale": np.ones((1, 2), np.float32)}
    executor = trt.tensorrt_bind(sym, "gpu", params, data=(1, 3))
    assert operators(executor.symbol) == ["_TensorRT", "gamma", "_TensorRT"]
    assert executor.arg_dict.keys() == {"data"}
    own = trt.tensorrt_bind(mx.sym.gamma(mx.sym.broadcast_mul(sym, mx.sym.var("last"), name="m"), name="g") * mx.sym.var("outside"), "gpu",
                            {**params, "last": params["scale"], "outside": params["scale"]}, data=(1, 3))
    assert own.arg_dict.keys() == {"data", "outside"}
    own.arg_dict["outside"][:] = 2
    with pytest.raises(InputError, match=r"^the parameters went to the engine when it was built and are not kept twice; bind the symbol again"):
        own.forward()
    with pytest.raises(InputError, match=r"^the parameters went to the engine"):
        own.reshape(data=(2, 3))


def test_a_divided_symbol_runs_on_the_cpu_too() -> None:
    sym = ngc.compat.optimize_for(symbol_json(), "TensorRT", args=dict(ARG), aux=dict(AUX), shape_dict={"data": SHAPE})
    assert operators(sym) == ["_TensorRT"]
    assert sym.list_arguments() == ["data", "softmax_label"]
    executor = sym.simple_bind(ctx=None, data=SHAPE)
    x = make_input()
    # float32 through 27 products, 99 pixels and a softmax.
    np.testing.assert_allclose(executor.forward(data=x)[0].asnumpy(), reference(x), rtol=1e-5, atol=1e-6)


def test_parameters_of_nodes_may_be_assigned_until_only_an_engine_has_them() -> None:
    x, sym = make_input(), ngc.compat.optimize_for(symbol_json(), "TensorRT", args=dict(ARG), aux=dict(AUX), shape_dict={"data": SHAPE})
    executor = sym.simple_bind(ctx=None, data=SHAPE)
    executor.forward(data=x)
    other = {name: array * np.float32(2) for name, array in ARG.items()}
    executor.copy_params_from({name: array.astype(np.float64) for name, array in other.items()}, AUX)
    # float32 through 27 products, 99 pixels and a softmax.
    wanted = reference(x, {**{f"arg:{name}": array for name, array in other.items()}, **{f"aux:{name}": array for name, array in AUX.items()}})
    np.testing.assert_allclose(executor.forward()[0].asnumpy(), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(executor.reshape(data=SHAPE).forward(data=x)[0].asnumpy(), wanted, rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match=r"^the symbol has no argument 'nope'; pass allow_extra_params=True"):
        executor.copy_params_from({"nope": x})
    with pytest.raises(InputError, match=r"^the parameters went to the engine when it was built and are not kept twice"):
        bound().copy_params_from(ARG, AUX)


def test_nodes_take_their_parameters_and_leave_the_others() -> None:
    sym = ngc.compat.optimize_for(symbol_json(), "TensorRT", args=dict(ARG), aux=dict(AUX), shape_dict={"data": SHAPE}, excl_node_names=["fc"])
    sym.held.clear()
    args, aux = trt.init_tensorrt_params(sym, ARG, AUX)
    assert (args.keys(), aux.keys()) == ({"fc_weight", "fc_bias"}, set())
    assert sym.held.keys() == PARAMS.keys() - args.keys()


# -- options and refusals ----------------------------------------------------------------------------------------------


def test_switches_are_in_the_environment_as_in_mxnet() -> None:
    assert (trt.get_use_tensorrt(), trt.get_use_fp16()) == (False, True)
    trt.set_use_tensorrt(True)
    trt.set_use_fp16(False)
    assert (trt.get_use_tensorrt(), trt.get_use_fp16()) == (True, False)
    trt.set_use_tensorrt(False)
    with pytest.raises(EngineError, match=r"^MXNET_USE_TENSORRT is 0: TensorRT is switched off; call set_use_tensorrt\(True\)"):
        bound()


def test_a_context_stands_for_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_TENSORRT_TARGET", "tensorrt-rtx:sm120")
    assert [image.facts["capabilities"] for image in bound().executable.engines] == [["sm120"]]
    monkeypatch.setenv("NGC_TENSORRT_TARGET", "neuron")
    with pytest.raises(EngineError, match=r"^target 'neuron': TensorRT's are \"tensorrt\" and \"tensorrt-rtx:sm86\"$"):
        bound()


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"ctx": "cpu"}, EngineError, r"^ctx=cpu: ngc.compat.tensorrt_bind is for GPUs; pass ctx=mx.gpu\(0\) or \"gpu\"$"),
    ({"grad_req": "write"}, InputError, "^grad_req='write': ngc compiles for inference and computes no gradients"),
    ({"stype_dict": {"data": "csr"}}, InputError, "^stype_dict="), ({"group2ctx": {"a": 1}}, InputError, "^group2ctx: "),
    ({"data": (0, 3)}, InputError, r"^data=\(0, 3\): expected the shape of an input")])
def test_what_tensorrt_bind_cannot_do_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        trt.tensorrt_bind(symbol_json(), **{"ctx": "gpu", "all_params": PARAMS, "data": SHAPE, **options})


@pytest.mark.parametrize("ctx", ["gpu(1)", "gpu:1", Context("gpu", 1)])
def test_a_gpu_that_is_not_the_first_is_refused(ctx: Any) -> None:
    message = r"^ctx=gpu[:(]1\)?: engines run on the first gpu device that the process is shown; pass gpu\(0\) and set CUDA_VISIBLE_DEVICES=1 before the"
    divided = ngc.compat.Symbol.of(symbol_json()).get_backend_symbol("TensorRT")
    for call in (lambda: trt.tensorrt_bind(symbol_json(), ctx=ctx, all_params=PARAMS, data=SHAPE), lambda: divided.simple_bind(ctx=ctx, data=SHAPE),
                 lambda: ngc.compat.optimize_for(symbol_json(), "TensorRT", args=ARG, aux=AUX, ctx=ctx)):
        with pytest.raises(EngineError, match=message):
            call()
    assert divided.simple_bind(ctx="gpu(0)", data=SHAPE).arg_dict["data"].shape == SHAPE


def test_a_gpu_context_is_for_symbols_that_ask_for_tensorrt() -> None:
    with pytest.raises(EngineError, match=r"^ctx=gpu: ngc.compat.simple_bind compiles for the CPU"):
        ngc.compat.Symbol.of(symbol_json()).simple_bind(ctx="gpu", data=SHAPE)


@pytest.mark.parametrize(("options", "message"), [
    ({"precision": "fp16_int8"}, "^precision='fp16_int8': accepted is fp32, fp16 or int8; int8 leaves in fp32 what does not multiply integers$"),
    ({"precision": "int8"}, '^precision="int8" needs calibration=: batches of data'),
    ({"precision": "int8", "calibration_iters": 10}, "^calibration_iters: MXNet calibrated during the first runs; ngc calibrates before it builds"),
    ({"max_batch_size": 4}, "^TensorRT has no option 'max_batch_size'; it takes calibration, calibration_iters, ")])
def test_options_of_tensorrt_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ngc.compat.optimize_for(symbol_json(), "TensorRT", args=ARG, aux=AUX, **options)


def test_int8_takes_batches_to_calibrate_with(mx: ModuleType) -> None:
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Conv2D(8, 3, in_channels=3), mx.gluon.nn.Activation("relu"), mx.gluon.nn.Dense(5))
    net.initialize()
    x = mx.nd.array(make_input())
    compiled = ngc.compat.optimize_for(net, x, backend="TensorRT", precision="int8", calibration=[{"data": make_input()}])
    [image] = compiled.executable(x.shape).engines
    assert image.facts["precision"] == "int8"
