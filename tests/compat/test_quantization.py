"""`ngc.compat.quantization`: MXNet's own calls with the import changed, what they return, and what they refuse."""

import ctypes
import json
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ngc
import ngc.compat
from ngc.calibration import calibrate, quantizable
from ngc.compat import quantization
from ngc.compat.symbol import Symbol
from ngc.errors import EngineError, ImportFailure, InputError
from ngc.importer import import_model
from ngc.importer.mxnet_live import import_mxnet
from ngc.ir import clone
from ngc.passes import PassContext
from ngc.target import parse_target
from tests.checkpoints import make_input, make_params, symbol_json
from tests.quantized_nets import IMAGES, SHAPE, image_iterator, parameters, residual_symbol

CLOSE = {"rtol": 1e-4, "atol": 1e-5}  # float32 through at most 288 products a layer, the kernels' order of summation
SHAPES = {"data": ("N", *SHAPE)}

pytestmark = [pytest.mark.filterwarnings("ignore:Conversion of an array with ndim > 0:DeprecationWarning"),
              pytest.mark.filterwarnings("ignore:Cannot decide type:UserWarning")]


@pytest.fixture(scope="module")
def model(mx: ModuleType) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    symbol = residual_symbol(mx, "softmax")
    return symbol, *parameters(mx, symbol)


def fp32(model: Any) -> np.ndarray:
    return ngc.compile(model, shapes=SHAPES).run({"data": IMAGES})[0]


# -- MXNet's own calls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("calib_mode", ["entropy", "naive", "none"])
def test_the_imagenet_example(calib_mode: str, mx: ModuleType, model: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    namespace: dict[str, Any] = {}
    exec("from ngc.compat.quantization import *", namespace)  # what the example does with mxnet.contrib.quantization
    quantize_model_mkldnn, cpu = namespace["quantize_model_mkldnn"], namespace["cpu"]
    sym, arg_params, aux_params = model
    ctx, excluded_sym_names, batch_size, num_calib_batches, label_name = mx.cpu(0), ["flat", "bn2"], 2, 3, "softmax_label"
    logger = logging.getLogger("logger")
    caplog.set_level(logging.INFO, "logger")
    if calib_mode == "none":
        qsym, qarg_params, aux_params = quantize_model_mkldnn(sym=sym, arg_params=arg_params, aux_params=aux_params,
                                                              ctx=ctx, excluded_sym_names=excluded_sym_names,
                                                              calib_mode=calib_mode, quantized_dtype="auto",
                                                              logger=logger)
    else:
        data = mx.io.NDArrayIter(IMAGES, np.zeros(len(IMAGES)), batch_size=batch_size, label_name=label_name)
        qsym, qarg_params, aux_params = quantize_model_mkldnn(sym=sym, arg_params=arg_params, aux_params=aux_params,
                                                              ctx=ctx, excluded_sym_names=excluded_sym_names,
                                                              calib_mode=calib_mode, calib_data=data,
                                                              num_calib_examples=num_calib_batches * batch_size,
                                                              quantized_dtype="auto",
                                                              label_names=(label_name,), logger=logger)
        assert "from 6 examples" in caplog.text
    prefix = str(tmp_path / "net-quantized")
    qsym.save(f"{prefix}-symbol.json")
    save_dict = {f"arg:{k}": v.as_in_context(cpu()) for k, v in qarg_params.items()}
    save_dict.update({f"aux:{k}": v.as_in_context(cpu()) for k, v in aux_params.items()})
    mx.nd.save(f"{prefix}-0000.params", save_dict)

    for loaded in (import_model(prefix, shapes=SHAPES), import_model((qsym, qarg_params, aux_params), shapes=SHAPES)):
        assert loaded.excluded == ("bn2", "flat")
        assert set(loaded.ranges) <= {value.name for value in loaded.values()}
        assert ("relu1" in loaded.ranges) == (calib_mode != "none")
    np.testing.assert_allclose(ngc.compile(prefix, shapes=SHAPES, precision="fp32").run({"data": IMAGES})[0], fp32(model), **CLOSE)


def test_the_tutorials_call_of_quantize_net_v2(mx: ModuleType, tmp_path: Path) -> None:
    quantize_net_v2, BATCH_SIZE = quantization.quantize_net_v2, 2
    model = residual_block(mx)
    calib_dataloader = mx.gluon.data.DataLoader(mx.gluon.data.ArrayDataset(mx.nd.array(IMAGES), mx.nd.zeros(len(IMAGES))), batch_size=BATCH_SIZE)
    wanted = model(mx.nd.array(IMAGES)).asnumpy()
    quantized_model = quantize_net_v2(model,
                                      quantize_mode='smart',
                                      calib_data=calib_dataloader,
                                      calib_mode='naive',
                                      num_calib_examples=BATCH_SIZE*10)
    quantized_model.hybridize(static_alloc=True, static_shape=True)
    out = quantized_model(mx.nd.array(IMAGES))
    assert isinstance(out, mx.nd.NDArray)
    assert noise(out.asnumpy(), wanted) < MOST_NOISE
    np.testing.assert_array_equal(quantized_model(IMAGES[:3]), out.asnumpy()[:3])
    quantized_model.export(str(tmp_path / "net"))
    graph = import_model(str(tmp_path / "net"), shapes=SHAPES)
    assert graph.ranges["data"] == (0.0, IMAGES.max())
    np.testing.assert_array_equal(ngc.compile(graph).run({"data": IMAGES})[0], out.asnumpy())
    np.testing.assert_allclose(ngc.compile(graph, precision="fp32").run({"data": IMAGES})[0], wanted, **CLOSE)
    forced = ngc.compile(graph, precision="int8", quantization=ngc.QuantizationOptions(force=True))
    assert [layer.precision for layer in forced.quantization] == ["int8", "int8"]


MOST_NOISE = 10**-2.5
"""Of the answers of a few layers in eight bits, relative to the signal: 25 dB, where each of three roundings to 255 levels leaves about 40."""


def noise(found: np.ndarray, wanted: np.ndarray) -> float:
    """Returns the squared error relative to the squared signal."""
    return float(((found - wanted) ** 2).sum() / (wanted**2).sum())


def residual_block(mx: ModuleType) -> Any:
    net = mx.gluon.nn.HybridSequential(prefix="net_")
    with net.name_scope():
        net.add(mx.gluon.nn.Conv2D(8, 3), mx.gluon.nn.BatchNorm(), mx.gluon.nn.Activation("relu"), mx.gluon.nn.MaxPool2D(), mx.gluon.nn.Dense(4))
    net.initialize(mx.init.Normal(0.3))
    return net


# -- what is recorded -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "dtype"), [("naive", "int8"), ("entropy", "int8"), ("entropy", "auto")])
def test_ranges_are_those_of_ngcs_calibration(mode: str, dtype: str, mx: ModuleType, model: Any) -> None:
    """After fusion the imported graph has the ranges that calibrating the same fused values gives."""
    qsym, *params = quantization.quantize_model(*model, calib_mode=mode, calib_data=image_iterator(mx), quantized_dtype=dtype)
    graph = import_model((qsym, *params), shapes=SHAPES)
    assert graph.ranges["relu2"][1] > 0
    table = calibrate(model, image_iterator(mx), shapes=SHAPES, mode=mode, parameters={"quantized_dtype": dtype} if mode == "entropy" else {})
    fused = clone(graph)
    quantizable(fused, PassContext(target=parse_target("cpu")))
    assert fused.ranges == {name: (found.low, found.high) for name, found in table.ranges().items()}


def test_what_comes_back_is_the_owners_symbol(mx: ModuleType, model: Any, tmp_path: Path) -> None:
    symbol, args, aux = model
    qsym, qargs, qaux = quantization.quantize_model(*model, calib_mode="naive", calib_data=image_iterator(mx), num_calib_batches=1)
    assert (qargs, qaux) == (args, aux)
    assert qsym.list_arguments() == symbol.list_arguments()
    assert qsym.list_auxiliary_states() == symbol.list_auxiliary_states()
    assert qsym.list_outputs() == symbol.list_outputs()
    internals = qsym.get_internals()
    assert {"relu1_output", "data", "fc_output"} <= set(internals.list_outputs())
    assert internals["relu1_output"].list_outputs() == ["relu1_output"]
    with pytest.raises(InputError, match=r"the symbol has no output 'relu_output'; did you mean 'relu2_output', 'relu1_output'"):
        internals["relu_output"]
    assert qsym.get_backend_symbol("MKLDNN_QUANTIZE") is qsym
    mx.model.save_checkpoint(str(tmp_path / "net"), 0, qsym, qargs, qaux)
    assert import_model(str(tmp_path / "net"), shapes=SHAPES).ranges == import_model((qsym, qargs, qaux), shapes=SHAPES).ranges
    assert mx.sym.load(str(tmp_path / "net-symbol.json")).list_outputs() == symbol.list_outputs()


def test_quantized_symbols_can_be_bound(mx: ModuleType, model: Any) -> None:
    """A symbol of ngc's or MXNet's quantizer: auxiliary states are told from arguments, integers from floats."""
    symbol, (_, args, aux) = residual_symbol(mx), model
    calibration = {"calib_mode": "naive", "label_names": None, "quantized_dtype": "auto"}
    for quantizer in (quantization.quantize_model, mx.contrib.quantization.quantize_model_mkldnn, mx.contrib.quantization.quantize_model):
        qsym, qargs, qaux = quantizer(symbol, args, aux, calib_data=image_iterator(mx), **calibration)
        executor = ngc.compat.simple_bind(qsym, ctx=mx.cpu(), data=IMAGES.shape)
        assert set(executor.aux_dict) == set(aux)
        executor.copy_params_from(qargs, qaux)
        wanted = ngc.compile((qsym, qargs, qaux), shapes=SHAPES).run({"data": IMAGES})[0]
        np.testing.assert_array_equal(executor.forward(data=IMAGES)[0].asnumpy(), wanted)


def test_selected_outputs_leave_out_ranges_of_what_they_do_not_need(mx: ModuleType, model: Any) -> None:
    result = quantization.quantize_model(*model, calib_mode="naive", calib_data=image_iterator(mx))
    graph = import_model(result, shapes=SHAPES, outputs=["pool1_output"])
    assert set(graph.ranges) == {"data", "relu1", "pool1"}


def test_batches_are_limited(mx: ModuleType, model: Any, caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("calib")
    caplog.set_level(logging.INFO, "calib")
    for options, count in (({}, 8), ({"num_calib_examples": 3}, 4), ({"num_calib_batches": 1}, 2)):
        caplog.clear()
        quantization.quantize_model(*model, calib_mode="naive", calib_data=image_iterator(mx), logger=logger, **options)
        assert f"from {count} examples" in caplog.text
        assert "ngc quantizes weights per output channel in any case" in caplog.text


def test_a_symbol_that_mxnet_fused_before(mx: ModuleType, model: Any) -> None:
    symbol, args, aux = model
    fused = symbol.get_backend_symbol("MKLDNN_QUANTIZE")
    result = quantization.quantize_model(fused, args, aux, calib_mode="naive", calib_data=image_iterator(mx), excluded_sym_names=["conv3"])
    graph = import_model(result, shapes=SHAPES)
    assert graph.excluded == ("conv3",)
    assert graph.ranges == import_model(quantization.quantize_model(*model, calib_mode="naive", calib_data=image_iterator(mx)), shapes=SHAPES).ranges


def test_the_tutorials_way_through_quantize_graph(mx: ModuleType, model: Any) -> None:
    """The caller's executor feeds the collector, as MXNet's quantization tutorial does it, fused beforehand."""
    sym = residual_symbol(mx).get_backend_symbol("MKLDNN_QUANTIZE")
    _, args, aux = model
    for calib_mode in ("naive", "entropy"):
        qsym, qargs, qaux, collector = quantization.quantize_graph(sym, args, aux, calib_mode=calib_mode, quantized_dtype="auto", ctx=mx.cpu())
        mod = mx.mod.Module(symbol=sym, label_names=None, context=mx.cpu())
        data = image_iterator(mx)
        mod.bind(for_training=False, data_shapes=data.provide_data)
        mod.set_params(args, aux)
        mod._exec_group.execs[0].set_monitor_callback(collector.collect, monitor_all=True)
        for batch in data:
            mod.forward(data_batch=batch, is_train=False)
        mx.nd.waitall()
        assert import_model((qsym, qargs, qaux), shapes=SHAPES).ranges == {}
        graph = import_model(quantization.calib_graph(qsym, qargs, qaux, collector, calib_mode, "auto"), shapes=SHAPES)
        direct = import_model(quantization.quantize_model(*model, calib_mode=calib_mode, calib_data=image_iterator(mx), quantized_dtype="auto"), shapes=SHAPES)
        for name in ("data", "relu1", "relu2", "pool2", "fc"):
            np.testing.assert_allclose(graph.ranges[name], direct.ranges[name], rtol=0.02 if calib_mode == "entropy" else 1e-5, atol=1e-6)


class MinMax:
    """A collector as MXNet 1.x's users write it."""

    def __init__(self) -> None:
        self.min_max_dict: dict[str, tuple[float, float]] = {}

    def collect(self, name: Any, arr: Any) -> None:
        mx = import_mxnet()
        array = mx.nd.NDArray(ctypes.cast(arr, mx.base.NDArrayHandle), writable=False).asnumpy()
        low, high = self.min_max_dict.get(mx.base.py_str(name), (np.inf, -np.inf))
        self.min_max_dict[mx.base.py_str(name)] = (min(low, array.min()), max(high, array.max()))


class PostCollect:
    """A collector as MXNet 2.0's users write it."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.found: dict[str, tuple[float, float]] = {}

    def collect(self, name: str, op_name: str, arr: Any) -> None:
        self.kinds.add(op_name)
        low, high = self.found.get(name, (np.inf, -np.inf))
        self.found[name] = (min(low, arr.asnumpy().min()), max(high, arr.asnumpy().max()))

    def post_collect(self) -> dict[str, tuple[float, float]]:
        return self.found


@pytest.mark.parametrize("collector", [MinMax(), PostCollect()])
def test_a_collector_of_the_callers(collector: Any, mx: ModuleType) -> None:
    net = residual_block(mx)
    options = {"calib_data": image_iterator(mx), "num_calib_batches": 2}
    block = quantization.quantize_net_v2(net, calib_mode="customize", LayerOutputCollector=collector, **options)
    naive = quantization.quantize_net(net, calib_mode="naive", **options)
    ranges, wanted = (item.symbol.quantization.ranges for item in (block, naive))
    del wanted["net_dense0_fwd_flatten"]  # a reshape that the dense layer's import adds; MXNet has no output of that name
    assert set(wanted) <= set(ranges)
    for name, limits in wanted.items():
        np.testing.assert_allclose([min(ranges[name][0], 0), max(ranges[name][1], 0)], limits, rtol=1e-4, atol=1e-5)
    if isinstance(collector, PostCollect):
        assert {"null", "Convolution", "Activation"} <= collector.kinds


def test_layers_of_a_block_are_excluded_by_name_part_and_kind(mx: ModuleType) -> None:
    net = residual_block(mx)
    shapes = [mx.io.DataDesc("data", (1, *SHAPE))]

    def excluded(**options: Any) -> tuple[str, ...]:
        return quantization.quantize_net(net, data_shapes=shapes, **options).symbol.quantization.excluded  # type: ignore[no-any-return]

    assert excluded(exclude_layers=["net_conv0_fwd"]) == ("net_conv0_fwd",)
    assert excluded(exclude_layers_match=["batchnorm", "conv"]) == ("net_conv0_fwd", "net_batchnorm0_fwd")
    assert excluded(exclude_operators=["FullyConnected"]) == excluded(exclude_operators=["_sg_mkldnn_fully_connected"]) == ("net_dense0_fwd",)


# -- what is refused ------------------------------------------------------------------------------------------------------

ARG = {name[4:]: array for name, array in make_params().items() if name.startswith("arg:")}
AUX = {name[4:]: array for name, array in make_params().items() if name.startswith("aux:")}


def quantize(**options: Any) -> Any:
    return quantization.quantize_model(symbol_json(), ARG, AUX, **{"calib_mode": "none", **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"excluded_sym_names": ["covn"]}, "excluded_sym_names: the symbol has no operator named 'covn'; did you mean 'conv'?"),
        ({"excluded_sym_names": ["x"]}, "excluded_sym_names: the symbol has no operator named 'x'; there are 'conv', 'bn', 'relu'"),
        ({"excluded_op_names": ["Convolutoin"]}, "excluded_op_names: the symbol has no operator of the kind 'Convolutoin'; did you mean 'Convolution'"),
        ({"excluded_sym_names": "conv"}, "excluded_sym_names must be a list of strings, not 'conv'"),
        ({"quantized_dtype": "int4"}, "unknown quantized_dtype int4 received, expected `int8`, `uint8` or `auto`"),
        ({"quantize_granularity": "pixel-wise"}, "unknown quantize_granularity pixel-wise received, expected `tensor-wise` or `channel-wise`"),
        ({"quantize_mode": "some"}, "unknown quantize_mode some received, expected `full` or `smart`"),
        ({"num_calib_examples": 0}, "num_calib_examples=0: expected at least 1, or None for all of the data"),
        ({"num_calib_batches": -1}, "num_calib_batches=-1: expected at least 1, or None for all of the data"),
        ({"calib_mode": "magic"}, "unknown calibration mode magic received, expected `none`, `naive`, or `entropy`"),
        ({"calib_mode": "naive"}, "calib_data must be provided when calib_mode=naive"),
        ({"calib_mode": "naive", "calib_data": [make_input()]}, "calib_data must be of DataIter type when calib_mode=naive, while received type list"),
    ],
)
def test_options_that_mxnet_refuses_too(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as raised:
        quantize(**options)
    assert message in str(raised.value)


def test_only_the_cpu() -> None:
    with pytest.raises(EngineError, match=r"ctx=gpu\(0\): ngc.compat.quantization.quantize_model compiles for the CPU; pass ctx=mx.cpu\(\) or None"):
        quantize(ctx="gpu(0)")


def test_calib_graph_needs_a_mode_a_record_and_ranges() -> None:
    qsym, args, aux, collector = quantization.quantize_graph(symbol_json(), ARG, AUX, calib_mode="naive")
    for arguments, message in (
        ((qsym, args, aux, collector, "none"), "please set calibration mode to naive or entropy"),
        ((qsym, args, aux, collector, "magic"), "unknown calibration mode magic received"),
        ((symbol_json(), args, aux, collector), "qsym is no symbol of ngc.compat.quantization.quantize_graph"),
        ((qsym, args, aux, object()), "object is no collector"),
        ((qsym, args, aux, collector), "the collector was told of no output of the model"),
    ):
        with pytest.raises(InputError, match=message):
            quantization.calib_graph(*arguments)
    with pytest.raises(InputError, match="or `customize` with a LayerOutputCollector"):
        quantization.quantize_graph(symbol_json(), ARG, AUX, calib_mode="customize")
    collector.collect("relu_output", make_input())
    ranges = quantization.calib_graph(qsym, args, aux, collector, "naive")[0].quantization.ranges
    assert ranges == {"relu": (float(make_input().min()), float(make_input().max()))}


def test_a_net_needs_shapes_and_data(mx: ModuleType) -> None:
    net = residual_block(mx)
    with pytest.raises(InputError, match="data_shapes required"):
        quantization.quantize_net_v2(net)
    with pytest.raises(InputError, match="calib_data must be provided when calib_mode=naive"):
        quantization.quantize_net_v2(net, calib_mode="naive", data_shapes=[mx.io.DataDesc("data", (1, *SHAPE))])
    block = quantization.quantize_net_v2(net, data_shapes=[("data", (1, *SHAPE))])
    with pytest.raises(InputError, match="2 arrays given; the network reads data"):
        block(IMAGES, IMAGES)


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        (["str", "{"], "the symbol's ngc_quantization is not JSON"),
        (["str", '{"version": 2}'], "the symbol's ngc_quantization has version 2; this ngc reads version 1"),
        (["str", "[]"], "has version None"),
        (["str", '{"version": 1, "ranges": {"relu": [1, 0]}, "excluded": []}'], "the ranges of the symbol's ngc_quantization are damaged"),
        (["str", '{"version": 1, "ranges": {}, "excluded": "conv"}'], "the excluded operators of the symbol's ngc_quantization are damaged"),
        ("text", r"'ngc_quantization' must be \[\"str\", text\], found text"),
    ],
)
def test_damaged_records(attribute: Any, message: str) -> None:
    content = json.loads(symbol_json())
    content["attrs"]["ngc_quantization"] = attribute
    with pytest.raises(ImportFailure, match=message):
        import_model(content, {**ARG, **AUX}, shapes={"data": (1, 3, 9, 11)})


def test_symbols_from_text_files_and_other_things(tmp_path: Path) -> None:
    path = tmp_path / "net-symbol.json"
    path.write_text(symbol_json())
    assert Symbol.of(path).tojson() == Symbol.of(symbol_json()).tojson()
    assert len(Symbol.of(path)) == 1
    assert repr(Symbol.of(path)) == "<ngc.compat.Symbol softmax_output>"
    with pytest.raises(InputError, match="a symbol cannot be int"):
        Symbol.of(3)
    with pytest.raises(ImportFailure, match=r"missing\.json"):
        Symbol.of(tmp_path / "missing.json")
