"""The benchmark of tracing: it measures what it says."""

from bench.tracing import LEVELS, PLAIN, measure, table


def test_every_level_is_measured_in_every_round() -> None:
    times = measure(2, 3, 2)
    assert list(times) == [PLAIN, *(level.name for level in LEVELS)]
    assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in times.values())


def test_ratios_are_those_to_no_tracer() -> None:
    view = table({PLAIN: [0.002, 0.004, 0.003], "NO_TRACE": [0.003, 0.009, 0.006]}, 100)
    assert [list(column.cells) for column in view.columns] == [
        [PLAIN, "NO_TRACE"], ["30.00", "60.00"], ["1.0000", "2.0000"], ["20.00", "30.00"], ["1.0000", "1.5000"]]
