"""`ngc-eval info evaluation`: every table in every format, files, plots, filters, errors."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from ngc.evaluate.cli import main
from ngc.evaluate.levels import TraceLevel
from ngc.evaluate.records import FINISHED, Span
from ngc.evaluate.store import Store
from tests.evaluate.report.recorded import BEGUN, evaluation, part_results, record, small

TABLES = ("accuracy", "duration", "latency", "load", "layers", "layer_tree", "eventflow", "cuda_launch")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Four evaluations of which the oldest also has, as no other, the launch of a CUDA kernel in its trace, and one under load."""
    path = str(small(tmp_path_factory.mktemp("store") / "small.db"))
    with Store.open(path) as store:
        kernel = Span("gpu_kernel", TraceLevel.SYSTEM_LIBRARY_TRACE, "a1", "gpu", "", 0, 1500, {"kernel_name": "gemm", "kernel_flops": 64})
        store.set_trace("a1", [kernel])
        store.begin(evaluation("load", mode="workload", state=FINISHED, created_at=BEGUN - timedelta(days=1), updated_at=BEGUN, parts=0, precision="bf16",
                               results={"qps": 105.25, "latency_ms": 7.5, "percentile": 95.0}))
    return path


@pytest.fixture
def info(database: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs `ngc-eval info evaluation` and returns what it prints."""

    def run(table: str, *arguments: str) -> str:
        assert main(["info", "evaluation", table, "--database_address", database, *arguments]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


@pytest.fixture
def refusal(database: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs `ngc-eval info evaluation`, which is to fail, and returns the error."""

    def run(table: str, *arguments: str) -> str:
        assert main(["info", "evaluation", table, "--database_address", database, *arguments]) == 1
        printed = capsys.readouterr()
        assert not printed.out
        assert printed.err.startswith("ngc-eval: error: ")
        return printed.err.removeprefix("ngc-eval: error: ").removesuffix("\n")

    return run


@pytest.mark.parametrize("format", ["table", "json", "csv"])
@pytest.mark.parametrize("table", TABLES)
def test_tables(info: Callable[..., str], golden: Callable[[str, str], None], table: str, format: str) -> None:
    one = ("--evaluation", "a1") if table in ("eventflow", "layer_tree") else ()
    golden(f"evaluate/info/{table}.{format}", info(table, "-f", format, *one).rstrip("\n"))


@pytest.mark.parametrize("format", ["table", "json", "csv"])
def test_predictions(info: Callable[..., str], golden: Callable[[str, str], None], format: str) -> None:
    golden(f"evaluate/info/predictions.{format}", info("predictions", "--evaluation", "a1", "-f", format).rstrip("\n"))


def test_all_tables(info: Callable[..., str], golden: Callable[[str, str], None]) -> None:
    golden("evaluate/info/all.table", info("all", "--evaluation", "a1").rstrip("\n"))
    assert json.loads(info("all", "-f", "json")) == {table: json.loads(info(table, "-f", "json")) for table in TABLES}


@pytest.mark.parametrize(("alias", "table"), [
    ("top_accuracy", "accuracy"), ("durations", "duration"), ("throughput", "latency"), ("qps", "load"), ("latency_throughput", "latency"), ("layer", "layers"),
    ("layertree", "layer_tree"), ("treemap", "layer_tree"), ("flow", "eventflow"), ("event_flow", "eventflow"), ("kernel_launch", "cuda_launch"),
    ("kernels", "cuda_launch"), ("eval_all", "all"), ("input_predictions", "predictions"),
])  # fmt: skip
def test_aliases_of_the_agents(info: Callable[..., str], alias: str, table: str) -> None:
    assert info(alias) == info(table)


@pytest.mark.parametrize(("filters", "ids"), [
    ((), ["c1", "b1", "a2", "a1"]), (("--limit", "2"), ["c1", "b1"]), (("--model_name", "ResNet50_v1", "--precision=fp32"), ["a2", "a1"]),
    (("--batch-size", "1"), ["c1"]), (("--evaluation", "a2"), ["a2"]), (("--hostname", "node-1", "--arch", "x86_64", "--dataset_name", "flowers"),
                                                                       ["c1", "b1", "a2", "a1"]),
    (("--framework_name=mxnet", "--framework_version=1.9.1", "--model_version=1.0", "--target=cpu", "--state", "all", "--limit=1"), ["c1"]),
])  # fmt: skip
def test_filters(info: Callable[..., str], filters: tuple[str, ...], ids: list[str]) -> None:
    assert [row["id"] for row in json.loads(info("accuracy", "-f", "json", *filters))] == ids


@pytest.mark.parametrize(("filters", "indices"), [
    ((), range(18)), (("--limit", "2", "--offset", "3"), [3, 4]), (("--failed",), [8]), (("--wrong",), [1, 2, 13, 14, 17]),
    (("--wrong", "--expected", "2"), [13]), (("--answered", "1", "--limit", "1"), [1]),
])  # fmt: skip
def test_filters_of_predictions(info: Callable[..., str], filters: tuple[str, ...], indices: list[int]) -> None:
    rows = json.loads(info("predictions", "--evaluation", "a1", "-f", "json", *filters))
    assert [row["input_index"] for row in rows] == list(indices)


def test_predictions_are_those_of_the_newest_evaluation(info: Callable[..., str]) -> None:
    assert json.loads(info("predictions", "-f", "json", "--precision", "int8", "--limit", "1"))[0]["evaluation"] == "b1"


def test_no_header(info: Callable[..., str]) -> None:
    assert info("latency", "--no_header").splitlines()[0].startswith("c1  2026-03-05T09:30:00+00:00")
    assert info("latency", "-f", "csv", "--no_header").startswith("c1,")


def test_files(info: Callable[..., str], refusal: Callable[..., str], tmp_path: Path) -> None:
    path = str(tmp_path / "latency.csv")
    assert info("latency", "-o", path, "--precision", "int8") == ""
    assert refusal("latency", "-o", path) == f"{path} exists; give --overwrite to replace it, or --append to add to it"
    info("latency", "-o", path, "--precision", "fp32", "--append")
    with open(path, newline="") as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["b1", "c1", "a2"]
    assert refusal("accuracy", "-o", path, "--append").startswith(f"cannot append to {path}: its columns are others (calibration_error, duration (us), ")
    info("accuracy", "-o", path, "--overwrite")
    assert Path(path).read_text() == info("accuracy", "-f", "csv")


@pytest.mark.parametrize(("format", "extension"), [("csv", "csv"), ("json", "json"), ("table", "txt"), ("", "txt")])
def test_all_into_a_folder(info: Callable[..., str], refusal: Callable[..., str], tmp_path: Path, format: str, extension: str) -> None:
    folder = tmp_path / "all"
    info("all", "-o", str(folder), *(["-f", format] if format else []))
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        f"{table}.{extension}": info(table, "-f", format or "table") for table in TABLES}  # fmt: skip
    again = refusal("all", "-o", str(folder), *(["-f", format] if format else []))
    assert again == f"{folder}/accuracy.{extension} exists; give --overwrite to replace it{', or --append to add to it' * (extension != 'txt')}"


def test_all_leaves_out_what_was_not_measured(info: Callable[..., str], caplog: pytest.LogCaptureFixture) -> None:
    tables = json.loads(info("all", "-f", "json", "--evaluation", "b1"))
    assert list(tables) == ["accuracy", "duration", "latency", "eventflow"]
    assert [message.split(":")[0] for message in caplog.messages] == [
        f"{table} is left out" for table in ("load", "layers", "layer_tree", "cuda_launch")]  # fmt: skip


@pytest.mark.parametrize("plot", ["--bar_plot", "--box_plot"])
def test_plots(info: Callable[..., str], tmp_path: Path, plot: str) -> None:
    path = tmp_path / "layers.svg"
    assert info("layers", plot, "--plot_path", str(path), "--evaluation", "a1", "--top_layers", "2", "--sort_by_latency") == ""
    text = path.read_text()
    assert "<!-- ResNet50_v1 1.0, fp32, batch 4, node-1 -->" in text
    assert text.index("2 resnet50_v10_stage1_conv1_fwd") < text.index("0 resnet50_v10_stem_conv0_fwd")
    assert "1 resnet50_v10_stage1_conv0_fwd" not in text


def test_a_trace_for_chrome(info: Callable[..., str], tmp_path: Path) -> None:
    events = json.loads(info("eventflow", "--chrome", "--evaluation", "a2"))["traceEvents"]
    assert sum(event["name"] == "c_predict" for event in events) == 5
    path = tmp_path / "trace.json"
    info("eventflow", "--chrome", "--evaluation", "a2", "-o", str(path))
    assert json.loads(path.read_text())["traceEvents"] == events


@pytest.mark.parametrize(("arguments", "message"), [
    (("latency", "--model_name", "none", "--batch_size", "3"),
     "no evaluation found with --model_name none, --batch_size 3, --state finished (--state all shows those in any)"),
    (("latency", "--hostname", "none", "--state", "all"), "no evaluation found with --hostname none"),
    (("latency", "-f", "xml"), "no format 'xml'; there are table, json, csv"),
    (("latency", "-o", "x.cvs"), "the extension .cvs of x.cvs means no format; .txt, .json and .csv do, or give --format (table, json, csv)"),
    (("latency", "--append"), "--append adds rows to csv or json; give --format csv or --format json"),
    (("all", "-f", "csv"), "the tables have different columns: give a folder as --output for one file of CSV each, or --format json"),
    (("all", "-o", __file__), f"{__file__} is no folder; `all` writes one file for each table into a folder"),
    (("all", "-o", "/no/where"), "cannot make the folder /no/where: No such file or directory"),
    (("layers", "--top_layers", "-1"), "--top_layers is -1; it is a number of layers, or 0 for all"),
    (("layers", "--bar_plot"), "a plot goes into a file; give --plot_path, such as --plot_path layers.svg"),
    (("layers", "--plot_path", "x.svg"), "--plot_path is about a plot; give --bar_plot or --box_plot"),
    (("layers", "--bar_plot", "--box_plot"), "--bar_plot and --box_plot are two plots; give one of them"),
    (("layers", "--bar_plot", "--plot_path", "x.svg"), "a plot shows one evaluation, 3 have layers; choose one, such as the newest with --evaluation c1"),
    (("layers", "--bar_plot", "--plot_path", "x.gif", "--evaluation", "a1"), "cannot plot into x.gif: give a file that ends in .png, .svg, .pdf"),
    (("layers", "--bar_plot", "--plot_path", __file__), f"{__file__} exists; give --overwrite to replace it"),
    (("layers", "--evaluation", "b1"),
     "no layers: none of the evaluations found has a trace of them; `ngc-eval predict ... --trace_level FRAMEWORK_TRACE` makes one"),
    (("cuda_launch", "--limit", "3"), "no CUDA kernels: none of the evaluations found has a trace of them; that takes a GPU target (`--target tensorrt`) on a "
     "machine with a GPU, and a tracer of its kernels at `--trace_level SYSTEM_LIBRARY_TRACE` or above"),
    (("eventflow", "--chrome", "-f", "csv"), "a trace for Chrome is one whole of JSON; --append and other formats are for events"),
    (("predictions", "--offset", "-1"), "--offset is -1; it is at least 0"),
    (("predictions", "--wrong", "--failed"), "an answer that failed is no wrong one; give --wrong or --failed"),
])  # fmt: skip
def test_errors(refusal: Callable[..., str], arguments: tuple[str, ...], message: str) -> None:
    assert refusal(*arguments) == message


def test_an_evaluation_that_is_not_there(refusal: Callable[..., str], database: str) -> None:
    assert refusal("latency", "--evaluation", "zz") == f"database {database}: there is no evaluation 'zz'"


def test_an_empty_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new.db"
    arguments = ["info", "evaluation", "accuracy", "--database_address", str(path), "--state", "all"]
    assert main(arguments) == 1
    assert capsys.readouterr().err == f"ngc-eval: error: there is no database {path}; `ngc-eval predict ... --publish` makes it\n"
    assert not path.exists()
    Store.open(str(path)).close()
    assert main(arguments) == 1
    assert capsys.readouterr().err == "ngc-eval: error: no evaluation found: the database has none\n"


def test_predictions_that_were_not_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "quiet.db")
    with Store.open(path) as store:
        made = evaluation("q")
        record(store, made, [replace(result, predictions=()) for result in part_results(made, 8, us=100.0)])
    assert main(["info", "evaluation", "predictions", "--database_address", path]) == 1
    assert capsys.readouterr().err == (
        "ngc-eval: error: evaluation q (ResNet50_v1) has no predictions; `ngc-eval predict ... --publish_predictions` keeps them\n")
