import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from ngc.codegen.llvm import compile_pool, jit, worker
from ngc.codegen.llvm.compile_pool import KernelJob, compile_kernels
from ngc.errors import CodegenError

ROOT = Path(__file__).parents[3]
CPU, FEATURES = jit.host_cpu()


def job(number: int) -> KernelJob:
    return KernelJob(f"k{number}", f"define i64 @k{number}() {{\n  ret i64 {number}\n}}", CPU, FEATURES)


# LLVM has no way to generate this instruction for a processor without it, and aborts.
FATAL = KernelJob(
    "fatal",
    """
target triple = "x86_64-unknown-linux-gnu"
declare <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32>, <64 x i8>, <64 x i8>)
define void @fatal(ptr %p) {
  %a = load <16 x i32>, ptr %p
  %b = load <64 x i8>, ptr %p
  %c = call <16 x i32> @llvm.x86.avx512.vpdpbusd.512(<16 x i32> %a, <64 x i8> %b, <64 x i8> %b)
  store <16 x i32> %c, ptr %p
  ret void
}""",
    "x86-64",
    "",
)


@pytest.mark.parametrize("count", [1, 2, 40])
def test_objects_by_symbol(count: int) -> None:
    done: list[tuple[str, float]] = []
    objects = compile_kernels([job(i) for i in range(count)], on_done=lambda symbol, seconds: done.append((symbol, seconds)))
    assert list(objects) == [f"k{i}" for i in range(count)]
    assert sorted(symbol for symbol, _ in done) == sorted(objects)
    assert all(seconds > 0 for _, seconds in done)
    library = jit.load_objects(objects)
    results = [ctypes.CFUNCTYPE(ctypes.c_int64)(library.addresses[f"k{i}"])() for i in range(count)]
    assert results == list(range(count))


def test_no_jobs() -> None:
    assert compile_kernels([]) == {}


def test_workers_and_this_process_agree() -> None:
    jobs = [job(i) for i in range(3)]
    assert compile_kernels(jobs, in_process=True) == compile_kernels(jobs, workers=1) == compile_kernels(jobs, workers=3)


def test_rejected_module_names_its_kernel() -> None:
    bad = KernelJob("broken", "define void @broken() {\n  frobnicate\n}", CPU, FEATURES)
    for in_process in (False, True):
        with pytest.raises(CodegenError) as error:
            compile_kernels([job(1), bad, job(2)], in_process=in_process)
        assert str(error.value) == (
            "kernel broken: LLVM cannot parse the generated module broken, line 2: expected instruction opcode\n    frobnicate\n    ^"
        )


def test_death_of_a_worker_names_its_kernel() -> None:
    with pytest.raises(CodegenError) as error:
        compile_kernels([FATAL, *(job(i) for i in range(5))])
    assert str(error.value).startswith("kernel fatal: LLVM died on it (signal 6), for x86-64: ")
    assert "LLVM ERROR: Do not know how to split the result of this operator!" in str(error.value)
    # The pool of the next call knows nothing of it.
    assert list(compile_kernels([job(7)])) == ["k7"]


def test_generator_runs_beside_the_workers() -> None:
    done: list[str] = []

    def jobs() -> Iterator[KernelJob]:
        yield job(0)
        yield job(1)

    assert list(compile_kernels(jobs(), workers=1, on_done=lambda symbol, _: done.append(symbol))) == ["k0", "k1"]
    assert done == ["k0", "k1"]


def test_generator_that_fails() -> None:
    def jobs() -> Iterator[KernelJob]:
        yield job(0)
        raise CodegenError("no such kernel")

    with pytest.raises(CodegenError, match=r"^no such kernel$"):
        compile_kernels(jobs())


def test_progress_callback_that_fails() -> None:
    def complain(symbol: str, seconds: float) -> None:
        raise KeyError(symbol)

    with pytest.raises(KeyError, match="k1"):
        compile_kernels([job(1)], on_done=complain)


def test_interpreter_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(CodegenError, match=r"cannot start a compiler process \(/no/such/python -m ngc\.codegen\.llvm\.worker\): "):
        compile_kernels([job(1)])


def test_program_that_embeds_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/sbin/uwsgi")
    assert compile_pool._interpreter() == str(Path(sys.exec_prefix, "bin", "python3"))
    assert list(compile_kernels([job(1)])) == ["k1"]


def test_script_without_a_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    # A module of the caller's folder must not stand in for one that the worker imports.
    (tmp_path / "json.py").write_text("raise RuntimeError('not the standard one')")
    script.write_text(
        "import sys; sys.path.pop(0)\n"
        "from ngc.codegen.llvm import jit\n"
        "from ngc.codegen.llvm.compile_pool import KernelJob, compile_kernels\n"
        "job = KernelJob('k', 'define void @k() {\\n  ret void\\n}', *jit.host_cpu())\n"
        "print(list(compile_kernels([job])))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("['k']\n", "")


def test_worker_is_light() -> None:
    text = (
        "import sys; import ngc.codegen.llvm.worker, ngc.codegen.llvm.jit; "
        "print([name for name in ('numpy', 'networkx', 'mxnet') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_frames() -> None:
    stream = BytesIO()
    for data in (b"one", b"", b"x" * 100_000):
        worker.write_frame(stream, data)
    stream.seek(0)
    assert [worker.read_frame(stream) for _ in range(4)] == [b"one", b"", b"x" * 100_000, None]
    assert worker.read_frame(BytesIO(stream.getvalue()[:5])) is None
    assert worker.read_frame(BytesIO(b"\1")) is None


def test_worker_answers() -> None:
    request = {"symbol": "k3", "ir_text": job(3).ir_text, "cpu": CPU, "features": FEATURES, "opt": 3, "passes": False}
    head, _, obj = worker.answer(request).partition(b"\n")
    assert json.loads(head)["seconds"] > 0
    assert obj == jit.compile_object(job(3).ir_text, CPU, FEATURES)
    head, _, obj = worker.answer({**request, "ir_text": "nonsense"}).partition(b"\n")
    assert json.loads(head)["error"].startswith("LLVM cannot parse")
    assert obj == b""
