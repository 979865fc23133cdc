"""`ngc-eval predict` from the command line to files, database and table, with the digits network."""

import json
import os
import signal
import time
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from examples.digits_data import held_out_digits
from examples.digits_network import KEPT
from ngc.evaluate.cli.main import parse
from ngc.evaluate.cli.predict_setup import dataset_job
from ngc.evaluate.load import VirtualClock
from ngc.evaluate.records import FAILED, FINISHED, RUNNING
from ngc.evaluate.run.agreement import Answers
from ngc.evaluate.run.engine import LocalEngine
from ngc.evaluate.store import Store
from ngc.evaluate.trace import read_trace
from tests.evaluate.cli.conftest import Command, digits

STORE = ("--publish", "--database_address", "evaluations.db")


def results_of(folder: Path) -> Path:
    """Returns the only folder of results."""
    (found,) = folder.glob("results/**/results.json")
    return found.parent


def test_accuracy_is_that_of_mxnet(command: Command, mx: ModuleType) -> None:
    data = held_out_digits()
    symbol, arguments, auxiliary = mx.model.load_checkpoint(str(KEPT), 0)
    module = mx.mod.Module(symbol, label_names=None)
    module.bind(data_shapes=[("data", data.images.shape)], for_training=False)
    module.set_params(arguments, auxiliary)
    module.forward(mx.io.DataBatch([mx.nd.array(data.images)]), is_train=False)
    ranks = np.argsort(-module.get_outputs()[0].asnumpy(), axis=1, kind="stable")
    ran = command(*digits("-b", "64", "--format", "json"))
    assert ran.code == 0
    assert ran.json["labelled"] == ran.json["inputs"] == len(data)
    assert ran.json["top1_accuracy"] == (ranks[:, 0] == data.labels).mean()
    assert ran.json["top5_accuracy"] == (ranks[:, :5] == data.labels[:, None]).any(axis=1).mean()


def test_what_a_run_leaves_behind(folder: Path, command: Command) -> None:
    ran = command(*digits("-b", "50", "-p", "100", "--trace_preprocess", "--publish_predictions", *STORE))
    assert ran.code == 0
    assert ran.err == ""
    shown = {line.split("  ")[1].strip(): line.split("  ", 2)[2].strip() for line in ran.out.splitlines() if line.strip()}
    assert shown["top-1 accuracy"] == "98.44%"
    assert shown["inputs"] == "450 of digits"
    assert shown["model"] == "digits 1.0"
    files = results_of(folder)
    assert files.relative_to(folder / "results").parts[:6] == ("MXNet", "1.5.0", "digits", "1.0", "50", "cpu_fp32")
    assert sorted(path.name for path in files.iterdir()) == ["results.json", "system_info.json", "trace_model_trace.jsonl"]
    results = json.loads((files / "results.json").read_text())
    assert results["tally"]["top1"] == 443
    assert len(results["durations_us"]) == 9
    names = [span.name for span in read_trace(files / "trace_model_trace.jsonl")]
    assert {name: names.count(name) for name in names} == {"warm_up": 1, "preprocess": 9, "c_predict": 9, "part": 5, "evaluate": 1}
    with Store.open("evaluations.db") as store:
        (evaluation,) = store.evaluations()
        assert shown["published"] == f"{evaluation.id} in {store.place}"
        assert (evaluation.state, evaluation.parts, evaluation.partition_list_size, evaluation.batch_size) == (FINISHED, 5, 100, 50)
        assert store.count_predictions(evaluation.id) == 450
        assert store.count_predictions(evaluation.id, wrong=True) == 7
        assert [span.name for span in store.spans(evaluation.id)][:2] == ["warm_up", "evaluate"]
        assert len(store.spans(evaluation.id)) == len(names)


def test_only_the_first_parts_are_evaluated(command: Command) -> None:
    assert command(*digits("-b", "10", "--num_file_parts", "3", "--format", "json")).json["inputs"] == 30


@pytest.mark.parametrize(("flags", "ahead"), [
    ((), False), (("--trace_level=APPLICATION_TRACE",), True), (("--trace_level=NO_TRACE",), True), (("--trace_level=NO_TRACE", "--read_ahead=false"), False),
    (("--read_ahead=true",), True),
])  # fmt: skip
def test_inputs_are_read_ahead_where_batches_are_not_timed(folder: Path, flags: tuple[str, ...], ahead: bool) -> None:
    assert dataset_job(parse(digits(*flags))).read_ahead is ahead


def test_raw_inputs_are_only_timed(folder: Path, command: Command) -> None:
    ran = command(*digits("-b", "4", "--num_batches", "3", "--num_warmup_batches", "2", "--trace_level", "FRAMEWORK_TRACE", "--format=json", mode="raw"))
    assert (ran.json["inputs"], ran.json["labelled"], ran.json["top1_accuracy"], ran.json["published"]) == (12, 0, None, None)
    assert ran.json["latency_ms"] > 0
    spans = read_trace(results_of(folder) / "trace_framework_trace.jsonl")
    computed = {span.span_id for span in spans if span.name == "c_predict"}
    assert len(computed) == 3
    assert {span.parent_id for span in spans if span.level.name == "FRAMEWORK_TRACE"} == computed


def test_urls_are_repeated_for_a_batch_and_failures_counted(folder: Path, command: Command) -> None:
    np.save("one.npy", held_out_digits().images[0])
    Path("broken.jpg").write_bytes(b"no image")
    Path("urls.txt").write_text("one.npy\nbroken.jpg\nmissing.jpg\n")
    flags = ("--urls_file_path", "urls.txt", "-b", "2", "-p", "4", "--num_warmup_url_parts", "1", *STORE, "--publish_predictions", "--format=json")
    ran = command(*digits(*flags, mode="urls"))
    assert ran.code == 0
    assert (ran.json["inputs"], ran.json["failures"], ran.json["labelled"]) == (2, 4, 0)
    with Store.open("evaluations.db") as store:
        (evaluation,) = store.evaluations()
        errors = [prediction.error for prediction in store.predictions(evaluation.id, failed=True)]
        assert len(errors) == 4
        assert "broken.jpg" in errors[0]
        assert "missing.jpg" in errors[1]


def test_precisions_are_compared_in_one_table(command: Command) -> None:
    flags = ("-b", "50", "--compare", "fp32,int8", "--calibration_images", "100", *STORE)
    ran = command(*digits(*flags))
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines() if line.strip().startswith(("fp32", "int8"))]
    assert rows[0][:4] == ["fp32", "98.44%", "100.00%", "100.00%"]
    assert float(rows[1][3].rstrip("%")) > 97
    assert "same as fp32" in ran.out
    with Store.open("evaluations.db") as store:
        assert sorted((evaluation.precision, evaluation.state) for evaluation in store.evaluations()) == [("fp32", FINISHED), ("int8", FINISHED)]
        int8 = next(evaluation for evaluation in store.evaluations() if evaluation.precision == "int8")
        assert int8.settings["calibration"] == "the first 100 inputs"
    as_json = command(*digits(*flags, "--format=json")).json
    assert [row["precision"] for row in as_json] == ["fp32", "int8"]
    assert (as_json[0]["agreement"], as_json[0]["mean_difference"]) == (1.0, 0.0)
    assert as_json[1]["weight_bytes"] < as_json[0]["weight_bytes"] / 2


def test_a_comparison_that_cannot_be_made_is_told_before_anything_is_evaluated(command: Command) -> None:
    ran = command(*digits("-b", "50", "--compare", "fp32,int8", *STORE))
    assert ran.code == 1
    assert 'precision="int8" needs calibration=' in ran.err
    with Store.open("evaluations.db") as store:
        assert store.evaluations() == []


def test_a_comparison_keeps_answers_to_the_inputs_that_are_evaluated(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[int] = []

    class Counted(Answers):
        def __init__(self, inputs: int) -> None:
            kept.append(inputs)
            super().__init__(inputs)

    monkeypatch.setattr("ngc.evaluate.cli.predict_parts.Answers", Counted)
    rows = command(*digits("-b", "50", "--num_file_parts=2", "--compare", "fp32,bf16", "--format=json")).json
    assert [row["inputs"] for row in rows] == [100, 100]
    assert kept == [100]


def test_batches_of_parts_are_told_by_their_size(command: Command) -> None:
    ran = command(*digits("-b", "64", "-p", "8", "--num_file_parts=3"))
    assert "for one input, in batches of 8 (trimmed mean)" in ran.out


def test_a_saved_executable_and_its_calibration(folder: Path, command: Command) -> None:
    import ngc

    images = held_out_digits().images
    table = ngc.calibrate(str(KEPT), [images[:50]], shapes={"data": ("N", 1, 8, 8)}, threads=1)
    table.save("digits.calibration")
    calibrated = command(*digits("--precision=int8", "--calibration=digits.calibration", "-b", "50", "--format=json")).json
    ngc.compile(str(KEPT), shapes={"data": ("N", 1, 8, 8)}, precision="int8", calibration=table, threads=1).save("digits.ngc")
    loaded = command(*digits("--model_dir", "digits.ngc", "-b", "50", "--format=json")).json
    assert loaded["precision"] == calibrated["precision"] == "int8"
    assert loaded["top1_accuracy"] == calibrated["top1_accuracy"] > 0.97


def test_load_is_measured_and_recorded(folder: Path, command: Command) -> None:
    ran = command(*digits("--initial_qps=2000", "--min_queries=50", "--min_duration=1", "--seed=5", *STORE, mode="workload"))
    assert ran.code == 0
    assert "95th percentile" in ran.out
    ran = command(*digits("--initial_qps=500", "--min_queries=30", "--min_duration=1", "--latency_bound=1000", "--image_path", "none.jpg", mode="qps"))
    assert ran.err == "ngc-eval: error: none.jpg: cannot be read: No such file or directory\n"
    with Store.open("evaluations.db") as store:
        (evaluation,) = store.evaluations()
        assert (evaluation.mode, evaluation.state, evaluation.parts) == ("workload", FINISHED, 0)
        assert evaluation.results["queries"] == 50
        assert [span.name for span in store.spans(evaluation.id)][0::51] == ["warm_up", "workload"]


def test_a_maximum_is_searched_for(command: Command, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    monkeypatch.setattr("ngc.evaluate.run.load.RealClock", lambda: clock)
    monkeypatch.setattr(LocalEngine, "predict", lambda self, array: clock.advance(1e-3))
    flags = ("--min_queries=1000", "--min_duration=1", "--latency_bound=20", "--format=json", "--trace_level=FULL_TRACE")
    ran = command(*digits(*flags, mode="max-qps"))
    assert ran.code == 0
    assert ran.json["latency_ms"] <= 20
    assert 600 < ran.json["qps"] < 1000
    assert caplog.messages == ["--workers changes nothing in mode max-qps",
                               "mode max-qps traces no layers: measuring them would be part of the latency that is measured; the level is MODEL_TRACE"]


def test_an_interrupted_evaluation_goes_on(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    undisturbed = command(*digits("-b", "30", "--format=json")).json
    flags = ("-b", "30", *STORE, "--publish_predictions", "--format=json")
    recorded = Store.add_part

    def terminated(store: Store, id: str, result: object, *, predictions: bool) -> bool:
        if result.part.index == 4:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGTERM)
        return recorded(store, id, result, predictions=predictions)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Store, "add_part", terminated)
        ran = command(*digits(*flags))
    with Store.open("evaluations.db") as store:
        (evaluation,) = store.evaluations()
        assert evaluation.state == RUNNING
        assert store.finished_parts(evaluation.id) == {0, 1, 2, 3}
    assert (ran.code, ran.err) == (130, f"ngc-eval: interrupted: terminated; 4 of 15 parts are kept; the same command with --resume={evaluation.id} goes on\n")

    other = command(*digits(*flags, f"--resume={evaluation.id}", "--center_crop=false", "-b", "15"))
    assert other.code == 1
    assert other.err.startswith(f"ngc-eval: error: evaluation {evaluation.id} cannot go on with other settings: batch_size is 15, was 30; partition_list_size")
    assert "center_crop=None" in other.err

    resumed = command(*digits(*flags, "--resume")).json
    assert resumed["id"] == evaluation.id
    accuracies = ("inputs", "labelled", "failures", "top1_accuracy", "top5_accuracy", "calibration_error")
    assert [resumed[name] for name in accuracies] == [undisturbed[name] for name in accuracies]
    with Store.open("evaluations.db") as store:
        (evaluation,) = store.evaluations()
        assert (evaluation.state, evaluation.error) == (FINISHED, "")
        assert store.count_predictions(evaluation.id) == 450
        assert len(store.part_results(evaluation.id)) == 15
    finished = command(*digits(*flags, f"--resume={evaluation.id}"))
    assert finished.err == f"ngc-eval: error: evaluation {evaluation.id} is finished; there is nothing to resume\n"


def test_an_interruption_without_a_store_keeps_nothing(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: LocalEngine, array: np.ndarray) -> list[np.ndarray]:
        if len(array) == 20:
            raise KeyboardInterrupt
        return predict(self, array)

    predict = LocalEngine.predict
    monkeypatch.setattr(LocalEngine, "predict", interrupted)
    ran = command(*digits("-b", "43"))  # 450 is 10 * 43 and 20
    assert (ran.code, ran.err) == (130, "ngc-eval: interrupted: 10 of 11 parts were finished; without --publish none is kept\n")


def test_a_time_out_is_an_interruption(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalEngine, "predict", lambda self, array: time.sleep(60))
    ran = command(*digits("--time_out=3"))
    assert ran.code == 130
    assert ran.err.startswith("ngc-eval: interrupted: the time is over")


def test_a_failed_evaluation_is_recorded_and_goes_on(folder: Path, command: Command) -> None:
    for index, image in enumerate(held_out_digits().images[:6]):
        np.save(f"{index}.npy", image)
    whole = Path("4.npy").read_bytes()
    Path("4.npy").write_bytes(whole[:-7])
    Path("digits.txt").write_text("".join(f"{index}.npy 3\n" for index in range(6)))
    flags = ("predict", "dataset", "--model_name=digits", "--threads=1", "--data_dir=digits.txt", "-b2", *STORE, "--format=json")
    ran = command(*flags, "--fail_on_error")
    assert ran.code == 1
    assert ran.err.startswith("ngc-eval: error: input 4 (4.npy): ")
    assert ran.err.endswith("; --fail_on_error=false records that and goes on\n")
    with Store.open("evaluations.db") as store:
        (evaluation,) = store.evaluations()
        assert evaluation.state == FAILED
        assert ran.err == f"ngc-eval: error: {evaluation.error}\n"
        assert store.finished_parts(evaluation.id) == {0, 1}
    resumed = command(*flags, "--resume")
    assert (resumed.json["id"], resumed.json["inputs"], resumed.json["failures"]) == (evaluation.id, 5, 1)


def test_a_load_that_cannot_be_answered_is_recorded_as_failed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    monkeypatch.setattr("ngc.evaluate.run.load.RealClock", lambda: clock)
    monkeypatch.setattr(LocalEngine, "predict", lambda self, array: clock.advance(1e-3))
    ran = command(*digits("--min_queries=100", "--latency_bound=0.5", *STORE, mode="max-qps"))
    assert ran.code == 1
    assert ran.err.startswith("ngc-eval: error: the latency bound of 0.5 ms can hold at no load: ")
    with Store.open("evaluations.db") as store:
        (evaluation,) = store.evaluations()
        assert evaluation.state == FAILED
        assert ran.err == f"ngc-eval: error: {evaluation.error}\n"


def test_a_maximum_is_shown_with_its_bound(folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray((held_out_digits().images[0, 0] * 255).astype(np.uint8)).save("digit.png")
    clock = VirtualClock()
    monkeypatch.setattr("ngc.evaluate.run.load.RealClock", lambda: clock)
    monkeypatch.setattr(LocalEngine, "predict", lambda self, array: clock.advance(1e-3))
    ran = command(*digits("--min_queries=100", "--latency_bound=20", "--image_path=digit.png", mode="max-qps"))
    rows = [line.split() for line in ran.out.splitlines() if line.strip()]
    assert ["bound", "20", "ms"] in rows
    assert next(row for row in rows if row[:2] == ["largest", "load"])[-1] == "queries/s"
    settings = json.loads((results_of(folder) / "results.json").read_text())["settings"]
    assert (settings["dataset_name"], settings["latency_bound_ms"]) == ("digit.png", 20)


def test_an_interrupted_comparison_says_what_can_go_on(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: LocalEngine, array: np.ndarray) -> list[np.ndarray]:
        if self.precision == "int8" and len(array) == 50:
            raise KeyboardInterrupt
        return predict(self, array)

    predict = LocalEngine.predict
    monkeypatch.setattr(LocalEngine, "predict", interrupted)
    ran = command(*digits("-b", "100", "--compare=fp32,int8", "--calibration_images=50", *STORE))
    with Store.open("evaluations.db") as store:
        int8 = next(evaluation for evaluation in store.evaluations() if evaluation.precision == "int8")
    assert ran.code == 130
    assert ran.err.endswith(f"interrupted: 4 of 5 parts are kept; the same flags with --precision=int8 --resume={int8.id} instead of --compare go on\n")
