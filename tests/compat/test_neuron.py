"""MXNet-Neuron's interface, on XLA's CPU client: the tutorial's calls, the statistics of its documentation, options, and what is kept."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import ngc
import ngc.compat
import ngc.compat.neuron as neuron
from ngc.compat.neuron_options import read_options
from ngc.errors import EngineError, InputError
from ngc.runtime.image_bytes import read_image
from tests.checkpoints import SHAPE, make_input, make_params, reference, symbol_json
from tests.compat.engine_models import resnet50

PARAMS = make_params()
ARG = {name[4:]: array for name, array in PARAMS.items() if name.startswith("arg:")}
AUX = {name[4:]: array for name, array in PARAMS.items() if name.startswith("aux:")}
# float32 through 27 products, 99 pixels and a softmax.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(autouse=True)
def xla_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_NEURON_TARGET", "neuron:cpu")


def small(**options: Any) -> tuple[ngc.compat.Symbol, dict[str, Any], dict[str, Any]]:
    compiled: tuple[ngc.compat.Symbol, dict[str, Any], dict[str, Any]] = neuron.compile(symbol_json(), ARG, AUX, {"data": make_input()}, **options)
    return compiled


def operations(sym: Any) -> list[dict[str, Any]]:
    """Returns the operators of a symbol, as the statistics of MXNet-Neuron's documentation find them."""
    return [node for node in json.loads(sym.tojson())["nodes"] if node["op"] != "null"]


def statistics(sym: Any) -> tuple[int, int, int]:
    """Returns the numbers of operators, of subgraphs, and of operators in subgraphs."""
    nodes = operations(sym)
    subgraphs = [graph for node in nodes if node["op"] == "_neuron_subgraph_op" for graph in node["subgraphs"]]
    return len(nodes), len(subgraphs), sum(node["op"] != "null" for graph in subgraphs for node in graph["nodes"])


# -- the tutorial ------------------------------------------------------------------------------------------------------


def test_the_tutorial_compiles_saves_and_serves_resnet50(mx: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text, weights, states = resnet50()
    sym = mx.sym.load_json(text)
    args, aux = ({name: mx.nd.array(array) for name, array in params.items()} for params in (weights, states))
    original = sym

    # Compile and save, as the first part of the tutorial does.
    inputs = {"data": mx.nd.ones([1, 3, 224, 224], name="data", dtype="float32")}
    sym, args, aux = neuron.compile(sym, args, aux, inputs)
    mx.model.save_checkpoint("resnet-50_compiled", 0, sym, args, aux)
    assert statistics(original) == (175, 0, 0)
    assert statistics(sym) == (1, 1, 175)

    # Load and infer, as the second part does; MXNet itself would refuse to load the operator.
    img = mx.nd.array(np.random.default_rng(0).normal(0, 1, (1, 3, 224, 224)))
    sym, args, aux = ngc.compat.load_checkpoint("resnet-50_compiled", 0)
    softmax = mx.nd.random_normal(shape=(1,))
    args["softmax_label"] = softmax
    args["data"] = img
    ctx = neuron.neuron()
    exe = sym.bind(ctx=ctx, args=args, aux_states=aux, grad_req="null")
    exe.forward(data=img)
    prob = np.squeeze(exe.outputs[0].asnumpy())
    order = np.argsort(prob)[::-1]

    [wanted] = ngc.compile((text, weights, states), shapes={"data": (1, 3, 224, 224)}).run({"data": img.asnumpy()})
    # float32 through 50 layers of up to 4608 products each; scores are of the order of 10, so their exponentials keep 1e-3 of themselves.
    np.testing.assert_allclose(prob, wanted[0], rtol=1e-3, atol=1e-6)
    assert prob[order[0]] == prob.max()
    assert prob.sum() == pytest.approx(1, abs=1e-5)
    [image] = exe.executable.engines
    assert image.engine == "neuron"


def refuse(*arguments: Any) -> None:
    raise AssertionError("built again")


def test_a_saved_model_is_not_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sym, args, aux = small(excl_node_names=["relu"])
    ngc.compat.save_checkpoint(tmp_path / "small", 0, sym, args, aux)
    stored = {name: read_image(args[f"{name}_neuronbin"], name) for name in ("_neuron_subgraph_op0", "_neuron_subgraph_op1")}
    monkeypatch.setattr("ngc.codegen.neuron.build_neuron", refuse)
    exe = ngc.compile(str(tmp_path / "small"), shapes={"data": SHAPE}, target="neuron:cpu")
    assert {image.name: image for image in exe.engines} == stored
    x = make_input()
    np.testing.assert_allclose(exe.run({"data": x})[0], reference(x), **CLOSE)


def test_a_saved_model_is_compiled_again_where_that_does_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """For another target, with flags, and where there is a compiler now and was none."""
    monkeypatch.setattr("ngc.codegen.neuron_compiler.shutil.which", lambda name: None)
    compiled = small(target="neuron:trn1")
    monkeypatch.setattr("ngc.codegen.neuron.build_neuron", refuse)

    def build(target: str, **options: Any) -> None:
        ngc.compile(compiled, shapes={"data": SHAPE}, target=target, engine=ngc.EngineOptions(**options))

    build("neuron:trn1")
    for target, options in (("neuron:cpu", {}), ("neuron:inf2", {}), ("neuron:trn1", {"flags": ["--optlevel 1"]})):
        with pytest.raises(AssertionError, match=r"^built again$"):
            build(target, **options)
    monkeypatch.setattr("ngc.codegen.neuron_compiler.shutil.which", lambda name: "/bin/true")
    with pytest.raises(AssertionError, match=r"^built again$"):
        build("neuron:trn1")


def test_weights_may_change_after_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled module takes weights as arguments, so fine-tuned ones of the same shapes go into it."""
    sym, args, aux = small()
    other = make_params(7)
    args.update({name[4:]: array for name, array in other.items() if name.startswith("arg:")})
    aux.update({name[4:]: array for name, array in other.items() if name.startswith("aux:")})
    monkeypatch.delattr("ngc.codegen.neuron.build_neuron")
    x = make_input()
    exe = ngc.compile((sym, args, aux), shapes={"data": SHAPE}, target="neuron:cpu")
    np.testing.assert_allclose(exe.run({"data": x})[0], reference(x, other), **CLOSE)


def test_what_was_compiled_for_other_shapes_is_compiled_again() -> None:
    sym, args, aux = small()
    x = make_input(1)
    exe = ngc.compile((sym, args, aux), shapes={"data": x.shape}, target="neuron:cpu")
    np.testing.assert_allclose(exe.run({"data": x})[0], reference(x), **CLOSE)


def test_the_cpu_runs_a_compiled_model_too() -> None:
    sym, args, aux = small(excl_node_names=["pool"])
    x = make_input()
    exe = ngc.compile((sym, args, aux), shapes={"data": ("N", *SHAPE[1:])})
    np.testing.assert_allclose(exe.run({"data": x})[0], reference(x), **CLOSE)
    assert [spec.name for spec in exe.outputs] == ["softmax_output"]
    bound = sym.bind(ctx=None, args={**args, "data": x}, aux_states=aux)
    np.testing.assert_allclose(bound.forward(data=x)[0].asnumpy(), reference(x), **CLOSE)


# -- the division ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("excluded", "wanted"), [([], (1, 1, 7)), (["relu"], (3, 2, 6)), (["relu", "flat"], (5, 2, 4)), (["fc"], (3, 1, 5))])
def test_statistics_and_answers(excluded: list[str], wanted: tuple[int, int, int]) -> None:
    """`pool` alone between the excluded ones is too small; `softmax` alone behind `fc` as well."""
    sym, args, aux = small(excl_node_names=excluded)
    assert statistics(sym) == wanted
    assert {node["name"] for node in operations(sym)} >= set(excluded)
    x = make_input()
    bound = sym.bind(ctx=neuron.context(), args={**args, "data": x, "softmax_label": np.zeros(SHAPE[0])}, aux_states=aux, grad_req="null")
    np.testing.assert_allclose(bound.forward(is_train=False, data=x)[0].asnumpy(), reference(x), **CLOSE)


def test_arguments_and_outputs_keep_their_names() -> None:
    original, (sym, args, _) = ngc.compat.Symbol.of(symbol_json()), small()
    assert sym.list_arguments() == [*original.list_arguments(), "_neuron_subgraph_op0_neuronbin"]
    assert sym.list_auxiliary_states() == original.list_auxiliary_states()
    assert sym.list_outputs() == original.list_outputs()
    assert sym.list_inputs() == ["data"]
    assert args["_neuron_subgraph_op0_neuronbin"].dtype == np.uint8


def test_operators_that_fold_away_go_with_their_neighbours(mx: ModuleType) -> None:
    data = mx.sym.var("data")
    dropped = mx.sym.Dropout(mx.sym.Activation(data, act_type="relu", name="relu"), name="drop")
    sym = mx.sym.BlockGrad(mx.sym.exp(mx.sym.Reshape(mx.sym.Reshape(dropped, shape=(6,), name="once"), shape=(3, 2), name="twice"), name="exp"), name="stop")
    x = np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3)
    compiled, args, aux = neuron.compile(sym, {}, {}, {"data": x})
    assert statistics(compiled) == (1, 1, 6)
    alone, args, aux = neuron.compile(sym, {}, {}, {"data": x}, excl_node_names=["relu", "twice", "exp"])
    assert statistics(alone) == (6, 0, 0)  # nothing but what folds away is left
    exe = compiled.bind(ctx=neuron.neuron(), args={"data": x, **{name: args[name] for name in args}}, aux_states=aux)
    np.testing.assert_allclose(exe.forward(data=x)[0].asnumpy(), np.exp(np.maximum(x, 0)).reshape(3, 2), rtol=1e-6)


def test_a_forced_operator_goes_and_the_engine_has_the_last_word(mx: ModuleType) -> None:
    sym = mx.sym.exp(mx.sym.gamma(mx.sym.exp(mx.sym.var("data"), name="before"), name="gamma"), name="after")
    x = np.linspace(0, 1, 4, dtype=np.float32)
    compiled, _, _ = neuron.compile(sym, {}, {}, {"data": x})
    assert statistics(compiled) == (3, 0, 0)
    with pytest.raises(ngc.CodegenError, match=r"gamma"):
        neuron.compile(sym, {}, {}, {"data": x}, force_incl_node_names=["gamma"])


def test_a_block_comes_back_as_a_block(mx: ModuleType, tmp_path: Path) -> None:
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Conv2D(4, 3, in_channels=3), mx.gluon.nn.BatchNorm(in_channels=4), mx.gluon.nn.Activation("relu"), mx.gluon.nn.Dense(5))
    net.initialize()
    x = mx.nd.array(make_input())
    compiled = neuron.compile(net, inputs={"data": x})
    # float32 through 27 and 252 products.
    np.testing.assert_allclose(compiled(x).asnumpy(), net(x).asnumpy(), rtol=1e-4, atol=1e-5)
    compiled.export(str(tmp_path / "net"))
    sym, args, _ = ngc.compat.load_checkpoint(tmp_path / "net", 0)
    assert statistics(sym) == (1, 1, 4)
    assert "_neuron_subgraph_op0_neuronbin" in args
    with pytest.raises(InputError, match=r"^a Gluon block brings its own parameters; pass args=None and aux=None$"):
        neuron.compile(net, {"w": x}, inputs={"data": x})
    with pytest.raises(InputError, match=r"^2 arrays given; the network reads data$"):
        compiled(x, x)


def test_labels_may_be_among_the_inputs() -> None:
    x, label = make_input(), np.zeros(SHAPE[0], np.float32)
    sym, args, aux = neuron.compile(symbol_json(), ARG, AUX, {"data": x, "softmax_label": label})
    assert sym.list_inputs() == ["data", "softmax_label"]
    exe = sym.bind(ctx=neuron.neuron(), args={**args, "data": x, "softmax_label": label}, aux_states=aux)
    np.testing.assert_allclose(exe.forward(data=x, softmax_label=label)[0].asnumpy(), reference(x), **CLOSE)


def test_a_value_and_a_variable_of_the_same_name_are_kept_apart(mx: ModuleType) -> None:
    relu = mx.sym.Activation(mx.sym.var("data"), act_type="relu", name="relu")
    sym = mx.sym.elemwise_add(mx.sym.exp(relu, name="exp"), mx.sym.var("relu_output"), name="sum")
    x, w = np.linspace(-1, 1, 4, dtype=np.float32), np.arange(4, dtype=np.float32)
    compiled, args, aux = neuron.compile(sym, {"relu_output": w}, {}, {"data": x}, excl_node_names=["relu"])
    assert statistics(compiled) == (2, 1, 2)
    exe = compiled.bind(ctx=neuron.neuron(), args={**args, "data": x}, aux_states=aux)
    np.testing.assert_allclose(exe.forward(data=x)[0].asnumpy(), np.exp(np.maximum(x, 0)) + w, rtol=1e-6)


def test_a_parameter_that_is_called_like_an_image_keeps_its_value(mx: ModuleType) -> None:
    """A name of MXNet-Neuron's that the model has itself is no region's: neither an operator's nor that of what belongs to a region."""
    x, value = make_input(), np.arange(6, dtype=np.float32).reshape(2, 3) / 8
    dense = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=3, name="_neuron_subgraph_op1")
    sym = mx.sym.tanh(dense + mx.sym.var("_neuron_subgraph_op0_neuronbin"), name="tanh")
    weights = {"_neuron_subgraph_op1_weight": np.full((3, 297), 1e-2, np.float32), "_neuron_subgraph_op1_bias": np.zeros(3, np.float32)}
    compiled, args, aux = neuron.compile(sym, {**weights, "_neuron_subgraph_op0_neuronbin": value}, {}, {"data": x}, excl_node_names=["tanh"])
    assert [node["name"] for node in operations(compiled)] == ["_neuron_subgraph_op2", "tanh"]
    np.testing.assert_array_equal(args["_neuron_subgraph_op0_neuronbin"], value)
    result = compiled.bind("neuron:cpu", {**args, "data": x}, aux_states=aux).forward()[0].asnumpy()
    wanted = np.tanh(x.reshape(2, -1) @ weights["_neuron_subgraph_op1_weight"].T + value)
    np.testing.assert_allclose(result, wanted, rtol=1e-5, atol=1e-6)  # float32 through 297 products of the order of 1e-2


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "wanted"), [
    ({}, {}),
    ({"--neuroncore-pipeline-cores": 4}, {"pipeline_cores": 4}), ({"--num-neuroncores": "2"}, {"pipeline_cores": 2}),
    ({"flags": ["--neuroncore-pipeline-cores 3"]}, {"pipeline_cores": 3}),
    ({"flags": ["--fp32-cast all"]}, {"precision": "bf16"}), ({"flags": ["--fp32-cast=all-fp16"]}, {"precision": "fp16"}),
    ({"flags": ["--fp32-cast", "matmult"]}, {"flags": ("--auto-cast matmult --auto-cast-type bf16",)}),
    ({"--fp32-cast": "matmult-fp16"}, {"flags": ("--auto-cast matmult --auto-cast-type fp16",)}),
    ({"flags": ["--fast-math none"]}, {}), ({"flags": ["--fast-math fp32-cast-all fast-relayout"]}, {"precision": "bf16"}),
    ({"flags": ["SaveTemps", "--verbose DEBUG"]}, {"work_dir": ".", "verbose": True}), ({"--verbose": "WARN"}, {}), ({"--verbose": 2}, {"verbose": True}),
    ({"--pipeline": "compile SaveTemps", "work_dir": "kept"}, {"work_dir": "kept"}),
    ({"flags": ["--enable-saturate-infinity", "--optlevel 1", "-O1"]}, {"flags": ("--enable-saturate-infinity", "--optlevel 1", "-O1")}),
    ({"excl_node_names": ["a"], "force_incl_node_names": ["b"]}, {"excl_node_names": ("a",), "force_incl_node_names": ("b",)}),
    ({"target": "neuron:inf2"}, {"target": "neuron:inf2"})])
def test_old_arguments_and_flags_are_said_in_new_words(arguments: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    read, default = read_options(arguments), read_options({})
    for name in ("precision", "target"):
        assert getattr(read, name) == wanted.get(name, getattr(default, name))
    for name in ("pipeline_cores", "flags", "work_dir", "verbose", "excl_node_names", "force_incl_node_names"):
        assert getattr(read.engine, name) == wanted.get(name, getattr(default.engine, name))


def test_words_about_layouts_are_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read_options({"--fast-math": "no-fast-relayout"})
    assert [record.message for record in caplog.records] == ["--fast-math no-fast-relayout is left out: neuronx-cc has no such choice"]


@pytest.mark.parametrize(("arguments", "message"), [
    ({"--neuroncores": 1}, "^neuron.compile has no argument '--neuroncores'; it takes --neuroncore-pipeline-cores, .* further flags of the compiler in flags="),
    ({"--neuroncore-pipeline-cores": "many"}, "^--neuroncore-pipeline-cores takes a number, not 'many'$"),
    ({"--fp32-cast": "some"}, "^--fp32-cast takes one of none, all, .*, not 'some'$"),
    ({"flags": "--optlevel 1"}, r"^flags takes a list of texts, not the text '--optlevel 1'; write \['--optlevel 1'\]$"),
    ({"flags": None}, "^flags takes a list of texts, not None$"),
    ({"flags": ["--optlevel", 1]}, r"^flags takes a list of texts, not \['--optlevel', 1\]$"),
    ({"flags": ["--a='x"]}, "^flags: \"--a='x\" cannot be split into words: No closing quotation$"),
    ({"--fast-math": 3}, "^--fast-math takes a list of texts, not 3$"),
    ({"--pipeline": None}, "^--pipeline takes a list of texts, not None$"),
    ({"--fp32-cast": ["all"]}, r"^--fp32-cast takes one of none, all, .*, not \['all'\]$"),
    ({"flags": ["optlevel"]}, "^flags: 'optlevel' is no flag; a flag begins with --$"),
    ({"--pipeline": "compile Everything"}, "^--pipeline takes compile and SaveTemps, not Everything$"),
    ({"excl_node_names": "relu"}, r"^excl_node_names takes a list of names, not 'relu'; write \['relu'\]$"),
    ({"target": "cpu"}, "^target='cpu': neuron.compile compiles for neuron, or neuron: and an instance family or cpu$"),
    ({"excl_node_names": ["rleu"]}, "^excl_node_names: the model has no node 'rleu'; did you mean 'relu'"),
    ({"excl_node_names": ["fc"], "force_incl_node_names": ["fc"]}, "^'fc': both in excl_node_names and in force_incl_node_names$")])
def test_arguments_that_do_not_fit_are_refused(arguments: Mapping[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        small(**arguments)


@pytest.mark.parametrize("inputs", [None, {}, [1]])
def test_inputs_must_be_given(inputs: Any) -> None:
    with pytest.raises(InputError, match=r"^inputs takes the model's inputs by name, arrays of the shapes that it is compiled for"):
        neuron.compile(symbol_json(), ARG, AUX, inputs)


def test_a_model_is_divided_once() -> None:
    sym, args, aux = small()
    with pytest.raises(InputError, match=r"^the symbol has the node '_neuron_subgraph_op0' \(_neuron_subgraph_op\): it was divided for an engine before"):
        neuron.compile(sym, args, aux, {"data": make_input()})


def test_the_environment_may_not_name_another_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_NEURON_TARGET", "tensorrt")
    with pytest.raises(InputError, match=r"^NGC_NEURON_TARGET='tensorrt': expected neuron, or neuron: and an instance family or cpu$"):
        small()


# -- precision, files, devices -----------------------------------------------------------------------------------------


def test_a_model_is_executed_in_the_precision_it_was_compiled_for() -> None:
    sym, args, aux = small(flags=["--fp32-cast all"])
    assert [node["attrs"]["precision"] for node in operations(sym)] == ["bf16"]
    x = make_input()
    exe = sym.bind(ctx=neuron.neuron(), args={**args, "data": x}, aux_states=aux)
    assert [image.facts["precision"] for image in exe.executable.engines] == ["bf16"]
    error = np.abs(exe.forward(data=x)[0].asnumpy() - reference(x)).max()
    assert 1e-6 < error < 0.05  # bf16 keeps 8 bits: 2**-8 of scores of the order of 1, through a softmax


def test_extracted_subgraphs_are_kept_where_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small(excl_node_names=["relu"])
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("SUBGRAPH_INFO", "1")
    small(excl_node_names=["relu"])
    small(excl_node_names=["relu"], work_dir="kept")
    wanted = sorted(f"._neuron_subgraph_op{number}{end}" for number in (0, 1) for end in ("-0000.params", "-symbol.json", ".stablehlo"))
    built = sorted(f"_neuron_subgraph_op{number}{end}" for number in (0, 1) for end in (".hlo.pb", ".stablehlo.mlir"))
    for folder, others in ((tmp_path, []), (tmp_path / "kept", built)):
        assert sorted(entry.name for entry in folder.iterdir() if entry.is_file()) == wanted + others
    exe = ngc.compile(str(tmp_path / "._neuron_subgraph_op0"), shapes={"data": SHAPE})
    assert [spec.name for spec in exe.outputs] == ["bn_output"]


@pytest.mark.parametrize(("ctx", "error", "message"), [
    ("fpga", EngineError, r"^ctx=fpga: a symbol is executed on a CPU, by TensorRT on a GPU, or by Neuron; pass mx.cpu\(\), mx.gpu\(0\) or "),
    ("neuron:inf9", InputError, "^target 'neuron:inf9': behind \"neuron:\" comes one of trn1, trn2, inf2, or cpu")])
def test_other_devices_are_refused(ctx: str, error: type[Exception], message: str) -> None:
    sym, args, aux = small()
    with pytest.raises(error, match=message):
        sym.bind(ctx=ctx, args={**args, "data": make_input()}, aux_states=aux)


def test_a_missing_device_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_NEURON_TARGET", "neuron:trn1")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("NEURON_LIBRARY_PATH", "/nowhere")
    sym, args, aux = small()
    exe = sym.bind(ctx=neuron.neuron(), args={**args, "data": make_input()}, aux_states=aux)
    with pytest.raises(EngineError, match=r"^the Neuron PJRT plugin .* missing: .*; the image _neuron_subgraph_op0 was built for trn1 .* hlo, stablehlo$"):
        exe.forward(data=make_input())


def test_a_device_that_is_not_the_first_is_refused() -> None:
    sym, args, aux = small()
    with pytest.raises(EngineError, match=r"^ctx=neuron\(2\): engines run on the first neuron device .* set NEURON_RT_VISIBLE_CORES=2 before"):
        sym.bind(neuron.neuron(2), {**args, "data": make_input()}, aux_states=aux)


def test_binding_takes_lists_and_refuses_gradients() -> None:
    sym, args, aux = small()
    x = make_input()
    values = {**args, "data": x, "softmax_label": np.zeros(SHAPE[0], np.float32)}
    exe = sym.bind(neuron.neuron(), [values[name] for name in sym.list_arguments()], None, "null", [aux[name] for name in sym.list_auxiliary_states()])
    np.testing.assert_allclose(exe.forward(data=x)[0].asnumpy(), reference(x), **CLOSE)
    with pytest.raises(InputError, match=r"^args has 1 arrays; the symbol has 8: 'data'"):
        sym.bind(neuron.neuron(), [x])
    with pytest.raises(InputError, match=r"^args_grad: ngc compiles for inference"):
        sym.bind(neuron.neuron(), values, {"data": x})
    with pytest.raises(InputError, match=r"^grad_req='write': ngc compiles for inference"):
        sym.bind(neuron.neuron(), values, None, "write")
