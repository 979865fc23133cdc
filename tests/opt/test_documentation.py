"""docs/ngc-opt.md names every flag."""

from pathlib import Path

from ngc.opt.arguments import parser

PAGE = Path(__file__).parents[2] / "docs" / "ngc-opt.md"


def test_every_flag_is_documented() -> None:
    page = PAGE.read_text()
    flags = [flag for action in parser()._actions for flag in action.option_strings if flag.startswith("--")]
    assert len(flags) > 40
    assert [flag for flag in flags if flag not in page] == []
