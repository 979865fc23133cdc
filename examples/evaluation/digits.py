"""Evaluates the digits network from its manifest, publishes the results, writes the page of reports, and compares the accuracy with MXNet's."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from examples.digits_data import held_out_digits
from examples.digits_network import KEPT, mxnet_answer
from ngc.evaluate.accuracy import Tally, total
from ngc.evaluate.cli import main as ngc_eval
from ngc.evaluate.store import Filter, Store

MODEL, DATASET = "digits", "digits"


def evaluation_demo(folder: Path, mxnet: bool, console: Console) -> None:
    """Runs `ngc-eval` as a user would: an evaluation with accuracy, one of layers, the page.

    Raises:
        SystemExit: a command failed; it has said why.
    """
    console.rule("Evaluated from its manifest")
    database = str(folder / "evaluations.db")
    predict = ["predict", "dataset", f"--model_name={MODEL}", f"--dataset_name={DATASET}", "--publish", f"--database_address={database}",
               f"--base_dir={folder / 'results'}"]
    _run(*predict, "--batch_size=32", "--publish_predictions", console=console)
    _run(*predict, "--batch_size=1", "--num_file_parts=100", "--trace_level=FRAMEWORK_TRACE", console=console)
    _run("info", "evaluation", "layers", f"--database_address={database}", "--batch_size=1", "--limit=1", "--top_layers=5", console=console)
    page = folder / "report.html"
    _run("report", f"--database_address={database}", f"--output={page}", "--overwrite", console=console)
    counts = _tally(database)
    table = Table("", "held-out digits right")
    table.add_row("ngc-eval", f"{counts.top1} of {counts.labelled}: {counts.top1_accuracy:.2%}")
    if mxnet:
        right = _mxnet_right()
        table.add_row("MXNet", f"{right} of {counts.labelled}: {right / counts.labelled:.2%}")
    console.print(table)
    if mxnet and right != counts.top1:
        raise SystemExit(f"ngc-eval finds {counts.top1} digits right, MXNet {right}")
    console.print(f"the page with tables and plots is {page}", soft_wrap=True)


def _run(*arguments: str, console: Console) -> None:
    console.print(f"[bold]ngc-eval {' '.join(arguments)}[/bold]", soft_wrap=True, highlight=False)
    if ngc_eval(arguments):
        raise SystemExit(1)


def _tally(database: str) -> Tally:
    """Returns the counts of the newest evaluation of all images."""
    with Store.open(database) as store:
        newest = store.evaluations(Filter(model_name=MODEL, batch_size=32, limit=1))[0]
        return total(result.tally for result in store.part_results(newest.id))


def _mxnet_right() -> int:
    """Returns how many of the held-out digits MXNet's most probable class is right on, with the checkpoint that the manifest names."""
    digits = held_out_digits()
    return int((mxnet_answer(str(KEPT), digits.images).argmax(axis=1) == digits.labels).sum())
