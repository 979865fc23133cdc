"""`ngc-eval report`."""

from pathlib import Path

import pytest

from ngc.evaluate.cli import main
from tests.evaluate.report.recorded import small


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small(tmp_path_factory.mktemp("store") / "small.db"))


def test_it_writes_a_page_of_what_the_filters_choose(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.html"
    arguments = ["report", "--database_address", database, "-o", str(path)]
    assert main([*arguments, "--precision", "int8"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    text = path.read_text()
    assert "1 evaluation of 2026-03-04 on node-1" in text
    assert "MobileNet_v2" not in text
    assert main(arguments) == 1
    assert capsys.readouterr().err == f"ngc-eval: error: {path} exists; give --overwrite to replace it\n"
    assert main([*arguments, "--overwrite", "--title", "Networks & more"]) == 0
    assert "<title>Networks &amp; more</title>" in path.read_text()
    assert "4 evaluations of 2026-03-02 to 2026-03-05 on node-1" in path.read_text()


@pytest.mark.parametrize(("arguments", "message"), [
    ([], "the page goes into a file; give --output, such as --output report.html"),
    (["-o", "never.html", "--model_name", "none"],
     "no evaluation found with --model_name none, --state finished (--state all shows those in any)"),
])  # fmt: skip
def test_errors(database: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    assert main(["report", "--database_address", database, *arguments]) == 1
    assert capsys.readouterr().err == f"ngc-eval: error: {message}\n"
    assert not Path("never.html").exists()


def test_a_page_that_cannot_be_written(database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "missing" / "report.html"
    assert main(["report", "--database_address", database, "-o", str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"ngc-eval: error: cannot write {path}: No such file or directory")
