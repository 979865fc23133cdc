"""`ngc.compile`: its options, its cache, its dumps."""

import json
import logging
import os
import re
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ngc
from ngc.codegen.llvm import object_cache
from ngc.engines import EngineOptions
from ngc.errors import EngineError, ImportFailure, InputError, ParseError, VerifyError
from ngc.ir.parser import parse
from tests.checkpoints import CLASSES, SHAPE, make_input, make_params, reference, symbol_json, write_checkpoint
from tests.codegen.llvm.kernels.bfloat import needs_bf16

# float32 through 27 products, 99 pixels and a softmax.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


def check(executable: Any) -> None:
    x = make_input()
    np.testing.assert_allclose(executable.run({"data": x})[0], reference(x), **CLOSE)


# -- models ------------------------------------------------------------------------------------------------------------


def test_every_form_of_a_model(prefix: str) -> None:
    shapes = {"data": SHAPE}
    params = make_params()
    arg, aux = ({name[4:]: array for name, array in params.items() if name.startswith(kind)} for kind in ("arg:", "aux:"))
    check(ngc.compile(prefix, shapes=shapes))
    check(ngc.compile(f"{prefix}-symbol.json", f"{prefix}-0000.params", shapes=shapes))
    check(ngc.compile(Path(f"{prefix}-symbol.json"), params, shapes=shapes))
    check(ngc.compile((symbol_json(), arg, aux), shapes=shapes))
    graph = ngc.import_model(prefix, shapes=shapes)
    text = str(graph)
    check(ngc.compile(graph))
    assert str(graph) == text, "compile works on a copy"


def test_a_batch_of_any_size_and_inner_outputs(prefix: str) -> None:
    executable = ngc.compile(prefix, shapes={"data": ("N", *SHAPE[1:])}, outputs=["flat_output", "softmax_output"])
    for batch in (1, 3):
        flat, scores = executable.run({"data": make_input(batch)})
        assert (flat.shape, scores.shape) == ((batch, 20), (batch, CLASSES))


@pytest.mark.parametrize("target", ["cpu", "cpu:x86-64-v3", "cpu:x86-64"])
def test_targets(prefix: str, target: str) -> None:
    check(ngc.compile(prefix, shapes={"data": SHAPE}, target=target))


def test_options_that_change_no_answer(prefix: str) -> None:
    check(ngc.compile(prefix, shapes={"data": SHAPE}, numerics="exact"))
    check(ngc.compile(prefix, shapes={"data": SHAPE}, pipeline="canonicalize,@cpu-fp32"))
    check(ngc.compile(prefix, shapes={"data": SHAPE}, cache=False))


def test_tune_changes_no_answer(prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_CACHE_DIR", str(tmp_path))
    executable = ngc.compile(prefix, shapes={"data": SHAPE}, tune=True)
    check(executable)
    assert (tmp_path / "tuning.json").is_file()
    assert executable.program.options["tune"] is True


@needs_bf16
@pytest.mark.parametrize("options", [{}, {"numerics": "exact"}, {"tune": True}], ids=["fast", "exact", "tune"])
def test_bf16_is_as_near_as_eight_bits_allow(prefix: str, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_CACHE_DIR", str(tmp_path))
    x, executable = make_input(), ngc.compile(prefix, shapes={"data": SHAPE}, precision="bf16", **options)
    [got] = executable.run({"data": x})
    # The softmax of sums of a few dozen products, of which each operand and each layer's result is rounded once to eight bits.
    np.testing.assert_allclose(got, reference(x), rtol=0.05, atol=0)
    assert not np.allclose(got, reference(x), rtol=1e-5, atol=0), "nothing was rounded"
    executable.save(tmp_path / "model.ngc")
    np.testing.assert_array_equal(ngc.load(tmp_path / "model.ngc").run({"data": x})[0], got)
    again = ngc.compile(prefix, shapes={"data": SHAPE}, precision="bf16", threads=3, **options)
    np.testing.assert_array_equal(again.run({"data": x})[0], got)


def test_tune_needs_a_target_that_runs_here(prefix: str) -> None:
    with pytest.raises(InputError, match=r"tune=True measures kernels on this machine: target 'cpu:aarch64' is aarch64 code; this machine is x86_64"):
        ngc.compile(prefix, shapes={"data": SHAPE}, target="cpu:aarch64", tune=True)


@pytest.mark.parametrize(("options", "kind", "message"), [
    ({"precision": "fp8"}, InputError, "unknown precision 'fp8' for target 'cpu'; accepted is one of fp32, bf16, int8"),
    ({"precision": "int8"}, InputError, 'precision="int8" needs calibration=: batches of data like those that the model will meet'),
    ({"precision": "bf16", "target": "cpu:x86-64-v4"}, EngineError, "precision 'bf16' needs a processor with AVX512-BF16 (vdpbf16ps), which target "
     "'cpu:x86-64-v4' (x86-64-v4) lacks; precision=\"fp32\" runs there"),
    ({"precision": "bf16", "target": "cpu:znver4", "pipeline": "@cpu-fp32"}, InputError,
     "pipeline '@cpu-fp32' has no convert-precision, without which precision='bf16' means nothing"),
    ({"calibration": []}, InputError, 'calibration, accuracy_budget and quantization belong to precision="int8"'),
    ({"accuracy_budget": 0.01}, InputError, 'calibration, accuracy_budget and quantization belong to precision="int8"'),
    ({"numerics": "sloppy"}, InputError, "unknown numerics 'sloppy'; accepted is \"fast\" or \"exact\""),
    ({"fallback": "numpy"}, InputError, "unknown fallback 'numpy'; accepted is None or \"reference\""),
    ({"target": "gpu"}, InputError, "unknown target 'gpu'; "),
    ({"target": "cpu:zen4"}, InputError, "unknown processor 'zen4' in target 'cpu:zen4'; did you mean "),
    ({"target": "tensorrt:sm86"}, InputError, "target 'tensorrt:sm86': TensorRT builds for the GPU at hand; engines for other ones are built with "
     "\"tensorrt-rtx:sm86\""),
    ({"target": "tensorrt-rtx:ampere"}, InputError, "target 'tensorrt-rtx:ampere': behind \"tensorrt-rtx:\" come GPU compute capabilities by commas, such as "
     "tensorrt-rtx:sm86,sm89"),
    ({"target": "tensorrt-rtx:sm86,sm86"}, InputError, "target 'tensorrt-rtx:sm86,sm86' names a compute capability twice"),
    ({"target": "neuron:trn9"}, InputError, "target 'neuron:trn9': behind \"neuron:\" comes one of trn1, trn2, inf2, or cpu for XLA's CPU client"),
    ({"target": "neuron:cpu", "precision": "int8"}, InputError, "unknown precision 'int8' for target 'neuron:cpu'; accepted is one of fp32, bf16, fp16"),
    ({"target": "tensorrt-rtx:sm86", "precision": "bf16"}, InputError,
     "unknown precision 'bf16' for target 'tensorrt-rtx:sm86'; accepted is one of fp32, fp16, int8"),
    ({"target": "neuron:cpu", "pipeline": "@cpu-fp32"}, InputError, "pipeline '@cpu-fp32' has no partition, without which target='neuron:cpu' means nothing"),
    ({"target": "tensorrt-rtx:sm86", "precision": "int8", "calibration": [], "accuracy_budget": 0.01}, InputError,
     "accuracy_budget is kept by measuring the CPU's int8, which says nothing of TensorRT for RTX's; exclude layers with "),
    ({"engine": EngineOptions()}, InputError, "engine= belongs to targets that are engines, such as \"tensorrt-rtx:sm86\""),
    ({"engine": {}, "target": "neuron:cpu"}, InputError, "engine takes ngc.EngineOptions, not dict"),
    ({"engine": EngineOptions(excl_node_names=("conv9",)), "target": "neuron:cpu"}, InputError, "excl_node_names: the model has no node 'conv9'"),
    ({"pipeline": "canonicalise"}, ParseError, "unknown pass canonicalise; did you mean canonicalize"),
    ({"pipeline": "canonicalize"}, InputError, "pipeline 'canonicalize' leaves the graph in stage canonical; it must end with assign-layout"),
    ({"shapes": None}, InputError, "no shape for the inputs 'data'"),
    ({"shapes": {"dat": SHAPE}}, InputError, "shapes: the model has no input 'dat'; did you mean 'data'?"),
    ({"outputs": ["flatten9_output"]}, InputError, "flatten9_output"),
    ({"threads": 0}, InputError, "threads=0: accepted are 1 to 1024"),
])
def test_wrong_options(prefix: str, options: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as error:
        ngc.compile(prefix, **{"shapes": {"data": SHAPE}, **options})
    assert message in str(error.value)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(ImportFailure, match=r"nowhere-symbol\.json"):
        ngc.compile(str(tmp_path / "nowhere"), shapes={"data": SHAPE})


def test_a_graph_without_data(prefix: str) -> None:
    with pytest.raises(VerifyError, match="has no constant data at hand"):
        ngc.compile(parse(str(ngc.import_model(prefix, shapes={"data": SHAPE}))))


# -- the cache ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("NGC_CACHE_DIR", str(folder))
    object_cache._warn_once.cache_clear()
    return folder


def test_kernels_are_kept_and_used(prefix: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check(ngc.compile(prefix, shapes={"data": SHAPE}))
    assert len(object_cache.entries()) >= 4
    assert stat.S_IMODE((cache / "objects").stat().st_mode) == 0o700

    def refuse(*arguments: Any, **options: Any) -> Any:
        pytest.fail("compiled although everything is in the cache")

    monkeypatch.setattr("ngc.codegen.llvm.build.compile_kernels", refuse)
    check(ngc.compile(prefix, shapes={"data": SHAPE}))


def test_without_the_cache_nothing_is_written(prefix: str, cache: Path) -> None:
    check(ngc.compile(prefix, shapes={"data": SHAPE}, threads=1, cache=False))
    assert not cache.exists()


def test_a_damaged_entry_is_compiled_again(prefix: str, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    ngc.compile(prefix, shapes={"data": SHAPE})
    for entry in (cache / "objects").glob("*.ngcobj"):
        data = bytearray(entry.read_bytes())
        data[len(data) // 2] ^= 0xFF
        entry.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        check(ngc.compile(prefix, shapes={"data": SHAPE}))
    assert "dropped a damaged entry of the kernel cache" in caplog.text


def test_a_cache_that_cannot_be_used_is_done_without(prefix: str, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    cache.write_text("a file stands where the folder should be")
    with caplog.at_level(logging.WARNING):
        check(ngc.compile(prefix, shapes={"data": SHAPE}))
    assert "going on without it" in caplog.text
    assert cache.read_text() == "a file stands where the folder should be"


def test_a_cache_that_others_may_write_is_not_trusted(prefix: str, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    (cache / "objects").mkdir(parents=True)
    (cache / "objects").chmod(0o777)
    with caplog.at_level(logging.WARNING):
        check(ngc.compile(prefix, shapes={"data": SHAPE}))
    assert "is not private" in caplog.text
    assert not list((cache / "objects").iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to read-only folders")
def test_a_read_only_cache(prefix: str, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    (cache / "objects").mkdir(parents=True, mode=0o500)
    with caplog.at_level(logging.WARNING):
        check(ngc.compile(prefix, shapes={"data": SHAPE}))
    assert "going on without it" in caplog.text


def test_a_cache_on_a_full_disk(prefix: str, cache: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(object_cache, "write_whole", full)
    with caplog.at_level(logging.WARNING):
        check(ngc.compile(prefix, shapes={"data": SHAPE}))
    assert "No space left on device; going on without it" in caplog.text


# -- dumps -------------------------------------------------------------------------------------------------------------


def test_dump_dir(prefix: str, tmp_path: Path) -> None:
    check(ngc.compile(prefix, shapes={"data": SHAPE}, dump_dir=tmp_path / "dump"))
    names = [path.name for path in (tmp_path / "dump").rglob("*") if path.is_file()]
    assert any(name.endswith(".html") for name in names)
    assert any(name.endswith(".ll") for name in names)
    assert any(name.endswith(".s") for name in names)
    texts = sorted((tmp_path / "dump").glob("*.ngir"))
    assert len(texts) >= 3
    for path in texts:
        parse(path.read_text(), source=str(path))


def test_a_dump_says_which_kernels_the_nodes_became(prefix: str, tmp_path: Path) -> None:
    executable = ngc.compile(prefix, shapes={"data": SHAPE}, dump_dir=tmp_path)
    data = json.loads(re.findall('id="data">(.*?)</script>', (tmp_path / "index.html").read_text())[0])
    assert [kernel[:3] for kernel in data["kernels"]] == [[call.node, call.symbol, call.op] for call in executable.program.calls]
    assert all((tmp_path / "kernels" / f"{symbol}{kind}").is_file() == has for _, symbol, _, _, has in data["kernels"] for kind in (".ll", ".s"))
    assert data["passes"][-1][1] == "codegen"
    assert any(data["rules"][event[2]][0] == "codegen" for event in data["events"])


def test_dump_dir_from_the_environment(prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NGC_DUMP_DIR", str(tmp_path / "dump"))
    ngc.compile(prefix, shapes={"data": SHAPE})
    assert (tmp_path / "dump").is_dir()


def test_a_dump_dir_that_cannot_be_made(prefix: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="dump"):
        ngc.compile(prefix, shapes={"data": SHAPE}, dump_dir=tmp_path / "file" / "dump")
