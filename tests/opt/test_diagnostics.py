"""Expected errors: how comments are read, and what is said of errors that do not fit them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.errors import InputError
from ngc.opt.chunks import SEPARATOR, split_input
from ngc.opt.diagnostics import Expectation, expected_in
from ngc.opt.main import FAILURE, SUCCESS, USAGE, OptMain

SOUND = "graph @g(%data: f32[1,3]) {\n  return %data\n}\n"
BROKEN = "graph @g(%data: f32[1,3]) {\n  %a = rleu(%data) : f32[1,3]\n  return %a\n}\n"


def run(tmp_path: Path, text: str, *flags: str) -> int:
    path = tmp_path / "g.ngir"
    path.write_text(text)
    return OptMain([str(path), *flags]).run()


@given(st.lists(st.sampled_from(["a", "", SEPARATOR, f"{SEPARATOR}  ", "# ----", "// -----"]), max_size=12))
def test_parts_keep_the_lines_of_the_whole(lines: list[str]) -> None:
    parts = split_input("\n".join(lines))
    assert len(parts) == 1 + sum(line.strip() == SEPARATOR for line in lines)
    for number, line in enumerate(lines):
        owners = [part for part in parts if number < len(part.split("\n")) and part.split("\n")[number] == line != ""]
        assert bool(owners) == (line not in ("", SEPARATOR, f"{SEPARATOR}  "))


def test_places() -> None:
    text = "\n".join(["%a", "# a comment", "# expected-error@-2 {{one}} expected-error@+2 {{ two }}", "", "%b",
                      "# expected-error@above {{three}}", "# expected-error @below {{four {x}}}", "", "%c", "# expected-error@unknown {{five}}"])
    assert expected_in(text, "t") == [Expectation(1, "one", 3), Expectation(5, "two", 3), Expectation(5, "three", 6), Expectation(9, "four {x}", 7),
                                      Expectation(None, "five", 10)]


@pytest.mark.parametrize(("line", "text"), [
    ("# expected-error@+1 {text}", "t:2: an expectation is written # expected-error@+1 {{text}}"),
    ("# expected-error@+1 {{text}} expected-error", "t:2: an expectation is written"),
    ("# expected-warning@+1 {{text}}", "t:2: an expectation is written"),
    ("# expected-error@there {{text}}", "t:2: an expectation is written"),
    ("# expected-error@+9 {{text}}", "t:2: the expectation speaks of a line that the text does not have"),
    ("# expected-error@below {{text}}", "t:2: the expectation speaks of a line that the text does not have"),
    ("# expected-error@-2 {{text}}", "t:2: the expectation speaks of a line that the text does not have"),
])
def test_comments_that_are_none(line: str, text: str) -> None:
    with pytest.raises(InputError) as caught:
        expected_in(f"\n{line}\n", "t")
    assert str(caught.value).startswith(text)


def test_an_unexpected_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, BROKEN, "--verify-diagnostics") == FAILURE
    assert capsys.readouterr() == ("", f"{tmp_path}/g.ngir:2: unexpected error: unknown operator 'rleu'; did you mean relu, prelu?\n")


def test_a_missing_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "# expected-error@+1 {{wrong}}\n" + SOUND, "--verify-diagnostics") == FAILURE
    assert capsys.readouterr() == (SOUND, f"{tmp_path}/g.ngir:1: expected error 'wrong' at line 2 did not come\n")


def test_another_line_and_another_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for comment in ("expected-error@+1 {{unknown operator}}", "expected-error@+2 {{unknown operand}}", "expected-error@unknown {{unknown operator}}"):
        assert run(tmp_path, f"# {comment}\n{BROKEN}", "--verify-diagnostics") == FAILURE
        err = capsys.readouterr().err
        assert "g.ngir:3: unexpected error: unknown operator" in err
        assert f"g.ngir:1: expected error {comment.partition('{{')[2].removesuffix('}}')!r} " in err
    assert run(tmp_path, f"# expected-error@+2 {{{{unknown operator 'rleu'}}}}\n{BROKEN}", "--verify-diagnostics") == SUCCESS


def test_errors_of_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expectation = "# expected-error@unknown {{quantize needs calibrated ranges}}\n"
    assert run(tmp_path, expectation + SOUND, "--verify-diagnostics", "-p", "quantize") == SUCCESS
    assert run(tmp_path, SOUND, "--verify-diagnostics", "-p", "quantize") == FAILURE
    assert "g.ngir:unknown: unexpected error: quantize needs calibrated ranges: of the context, or of the graph itself" in capsys.readouterr().err


def test_what_a_pass_leaves_broken(tmp_path: Path) -> None:
    text = "graph @g(%data: f32[1,3]) {\n# expected-error@above {{the name %data stands for two values}}\n  %a = relu(%data) : f32[1,3]\n  return %a\n}\n"
    assert run(tmp_path, text, "--verify-diagnostics", "-p", "same-names", "--load-pass", "tests.opt.faulty_passes:SameNames") == SUCCESS


@pytest.mark.parametrize(("flags", "text"), [
    (["--split-input-file", "--save-weights", "w.npz"], "--save-weights writes the files of one graph; it does not go with --split-input-file"),
    (["--split-input-file", "--dump-dir", "d"], "--dump-dir writes the files of one graph"),
    (["--split-input-file", "--emit", "onnx", "-o", "x.onnx"], "--emit onnx writes the files of one graph"),
])
def test_usage(tmp_path: Path, flags: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, SOUND, *flags) == USAGE
    assert text in capsys.readouterr().err
    assert OptMain(["x-symbol.json", "--verify-diagnostics"]).run() == USAGE
    assert "--split-input-file and --verify-diagnostics go with IR text only; x-symbol.json is an MXNet model" in capsys.readouterr().err
