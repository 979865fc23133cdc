"""Differences by words: both texts can be read off them, with and without colors."""

from hypothesis import given
from hypothesis import strategies as st

from ngc.passes.instruments.word_diff import BLUE, GREEN, PLAIN, RED, colored_diff, word_diff

LINES = st.lists(st.builds("  %{} = {}(%{}) : f32[{}]".format, st.sampled_from("abc"), st.sampled_from(["relu", "abs"]), st.sampled_from("xyz"),
                           st.integers(1, 3)), max_size=8)


def read_off(lines: list[str], mark: str, dropped: tuple[str, str], kept: tuple[str, str]) -> list[str]:
    """Returns the text that a difference without colors says of one side; `mark` stands before lines that only this side has."""
    side = []
    for line in lines:
        if line[0] not in (" ", "~", mark):
            continue
        text = line[1:]
        while line[0] == "~" and dropped[0] in text:
            head, _, rest = text.partition(dropped[0])
            text = head + rest.partition(dropped[1])[2]
        side.append(text.replace(kept[0], "").replace(kept[1], "") if line[0] == "~" else text)
    return side


@given(LINES, LINES)
def test_both_texts_can_be_read_off(before: list[str], after: list[str]) -> None:
    lines = [line for line in word_diff("\n".join(before), "\n".join(after), color=False, context=100) if not line.startswith("@@")]
    if before == after:
        assert lines == []
        return
    gone, come = ("[-", "-]"), ("{+", "+}")
    assert read_off(lines, "-", come, gone) == before
    assert read_off(lines, "+", gone, come) == after


def test_words_in_color() -> None:
    lines = word_diff("  %a = relu(%x) : f32[1]\n  %b = abs(%a) : f32[1]", "  %a = tanh(%x) : f32[1]\n  %c = abs(%a) : f32[1]", color=True)
    assert lines == [f"{BLUE}@@ -1,2 +1,2 @@{PLAIN}", f"~  %a = {RED}relu{PLAIN}{GREEN}tanh{PLAIN}(%x) : f32[1]",
                     f"{RED}-  %b = abs(%a) : f32[1]{PLAIN}", f"{GREEN}+  %c = abs(%a) : f32[1]{PLAIN}"]


def test_lines_in_color() -> None:
    assert colored_diff(["@@ x", " a", "-b", "+c"]) == [f"{BLUE}@@ x{PLAIN}", " a", f"{RED}-b{PLAIN}", f"{GREEN}+c{PLAIN}"]
