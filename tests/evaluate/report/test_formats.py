"""Tables as text."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngc.evaluate.report.formats import render
from ngc.evaluate.report.table import Table, Value

NAN = float("nan")

TABLE = Table(
    ("id", "model", "gpu", "depth", "part", "share", "times (us)", "events"),
    (("a", "net, small", "", 0, "all", 1.0, (1.0, 2.5, 3.0, 4.0), [{"x": 1}]), ("b", "net, small", "", 1, "conv\n", NAN, (), [])), 3, 4)  # fmt: skip


def test_table_for_people() -> None:
    assert render(TABLE, "table") == (
        "model: net, small\n\n"
        "id  depth  part      share  times (us)       events\n"
        "--  -----  --------  -----  ---------------  ------\n"
        "a       0  all           1  1;2.5;3;... (4)  (1)\n"
        "b       1    conv\\n                          (0)\n")


def test_table_without_header() -> None:
    assert render(TABLE, "table", header=False).splitlines()[0].split() == ["a", "0", "all", "1", "1;2.5;3;...", "(4)", "(1)"]


def test_csv() -> None:
    assert render(TABLE, "csv") == (
        "id,model,gpu,depth,part,share,times (us),events\n"
        'a,"net, small",,0,all,1.0,1.0;2.5;3.0;4.0,"[{""x"": 1}]"\n'
        'b,"net, small",,1,"conv\n",,,[]\n')  # fmt: skip
    assert render(TABLE, "csv", header=False).startswith("a,")


def test_json() -> None:
    first, second = json.loads(render(TABLE, "json", header=False))
    assert first == {"id": "a", "model": "net, small", "gpu": "", "depth": 0, "part": "all", "share": 1.0, "times (us)": [1.0, 2.5, 3.0, 4.0],
                     "events": [{"x": 1}]}  # fmt: skip
    assert second["share"] is None


@pytest.mark.parametrize(("format", "text"), [("table", "a  b\n-  -\n"), ("csv", "a,b\n"), ("json", "[]\n")])
def test_no_rows(format: str, text: str) -> None:
    assert render(Table(("a", "b"), (), 1), format) == text


def test_booleans_and_missing_numbers() -> None:
    table = Table(("yes", "none", "nan"), ((True, None, NAN),))
    assert render(table, "csv", header=False) == "true,,\n"
    assert json.loads(render(table, "json")) == [{"yes": True, "none": None, "nan": None}]


values = st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(st.tuples(values, values), min_size=1))
def test_whatever_a_name_is_it_can_be_read_again(rows: list[tuple[Value, ...]]) -> None:
    table = Table(("a", "b"), tuple(rows))
    assert [tuple(row.values()) for row in json.loads(render(table, "json"))] == rows
    assert list(csv.reader(io.StringIO(render(table, "csv", header=False), newline=""))) == [[str(value) for value in row] for row in rows]
    assert len(render(table, "table").split("\n")) == 2 + len(rows) + 1, "a row is a line"
