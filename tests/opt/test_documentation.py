"""Every flag is in docs/ngc-opt.md and in a file test."""

from pathlib import Path

from ngc.opt.arguments import parser

ROOT = Path(__file__).parents[2]
FLAGS = [flag for action in parser()._actions for flag in action.option_strings if flag.startswith("--")]


def test_every_flag_is_documented() -> None:
    page = (ROOT / "docs" / "ngc-opt.md").read_text()
    assert len(FLAGS) > 40
    assert [flag for flag in FLAGS if flag not in page] == []


def test_every_flag_has_a_file_test() -> None:
    lines = [line for path in (ROOT / "tests" / "filecheck").rglob("*.ngir") for line in path.read_text().splitlines() if line.startswith("# RUN:")]
    used = {word.partition("=")[0] for line in lines for word in line.split()}
    assert [flag for flag in FLAGS if flag not in used] == []
