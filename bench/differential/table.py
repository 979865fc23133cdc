"""docs/operators.md: every MXNet operator with its state per target and what the cases showed, then MXNet's own bugs."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from bench.differential.known import Known
from bench.differential.liberties import LIBERTIES
from bench.differential.mxnet_bugs import MXNET_BUGS
from bench.differential.search import Tally
from bench.differential.strategies import GRAPHS, UNTRIED
from ngc.opt.mxnet_catalog import mxnet_operators

_HEAD = """# MXNet's operators

Every forward operator of MXNet 1.9.1 that is neither random nor of training: what it becomes in ngc, what each target has for that, and what came of running
it in both. Made by

    python -m bench.differential --cases {cases} --seed {seed} --update docs/operators.md

`ngc-opt --list-mxnet-ops` prints the states without the numbers.

**How the numbers come about.** [hypothesis](https://hypothesis.readthedocs.io) draws calls of each operator: attributes within their domains and at the edges,
odd sizes and ones, element types, broadcasting, negative axes, data and parameters; and small graphs of several operators. MXNet, in a process of its own,
and ngc's reference evaluator run all of them; a share is also compiled and run on 2 threads, for this machine and for levels of x86-64. Whole numbers must
be equal, others within the tolerance that the roundings of the operator allow (`bench/differential/case.py`). Of {tried} cases {compiled} were compiled too,
ngc refused {refused} that MXNet computes, and both refused {both}. {verdict}

*cases* are those tried, *refused* those that ngc alone refused, and *error* is the largest in units of the tolerance. Of a target, *yes* means that everything
that the operator becomes has a form there, *some* that it depends on attributes, *reference* that only `fallback="reference"` runs it.

| operator | becomes | CPU | ONNX | StableHLO | TensorRT | cases | refused | error |
|---|---|---|---|---|---|---|---|---|
"""


def page(results: Mapping[str, Tally], cases: int, seed: int) -> str:
    """Returns the page for what a run found, by operator."""
    records = mxnet_operators()
    tallies = results.values()
    findings = [name for name, tally in results.items() if tally.finding]
    verdict = "Nothing is left unexplained." if not findings else f"**Not explained yet: {', '.join(findings)}.**"
    head = _HEAD.format(cases=cases, seed=seed, tried=sum(tally.tried for tally in tallies), compiled=sum(tally.compiled for tally in tallies),
                        refused=sum(tally.refused for tally in tallies), both=sum(tally.both_refuse for tally in tallies), verdict=verdict)
    rows = [_row(record, results) for record in records if "targets" in record]
    if GRAPHS in results:
        rows.append(f"| *{GRAPHS}* | | | | | | {_numbers(results[GRAPHS])} |")
    parts = [head + "\n".join(rows), _refusals(results), _reasons("Operators that ngc refuses", records, "refused"),
             _list("MXNet's own bugs", "What the cases met, each with the smallest case. ngc does what the operator is documented to do.", MXNET_BUGS, results),
             _list("Where ngc differs on purpose", "Mostly limits of MXNet's kernels: ngc computes what MXNet refuses.", LIBERTIES, results),
             _reasons("Operators that no deployed symbol holds", records, "excluded")]
    return "\n\n".join(parts) + "\n"


def _row(record: Mapping[str, Any], results: Mapping[str, Tally]) -> str:
    name, targets = record["name"], record["targets"]
    cpu = "reference" if targets["cpu"]["state"] == "no" else targets["cpu"]["state"]
    states = [cpu, *(targets[target]["state"] for target in ("onnx", "stablehlo", "tensorrt"))]
    names = ", ".join(f"`{alias}`" for alias in (name, *record["aliases"]))
    tally = next((results[each] for each in (name, *record["aliases"]) if each in results), None)
    return f"| {names} | {', '.join(record['becomes'])} | {' | '.join(states)} | {_numbers(tally)} |"


def _numbers(tally: Tally | None) -> str:
    return "| |" if tally is None else f"{tally.tried} | {tally.refused or ''} | {tally.error:.2g}"


def _refusals(results: Mapping[str, Tally]) -> str:
    lines = ["## What ngc refuses of operators that it knows", "", "Cases that MXNet computes and ngc refuses, by reason; `#` stands for a number.", ""]
    for name, tally in results.items():
        for reason, count in tally.refusals.most_common():
            lines.append(f"- `{name}`, {count} of {tally.tried} cases: {reason}")
    lines += [f"- `{name}` was not tried: {reason}" for name, reason in UNTRIED.items()]
    return "\n".join(lines)


def _reasons(title: str, records: Iterable[Mapping[str, Any]], state: str) -> str:
    names: dict[str, list[str]] = defaultdict(list)
    for record in records:
        if record["state"] == state:
            names[record["why"]].append(record["name"])
    lines = [f"## {title}", ""]
    lines += [f"- {reason}: {', '.join(f'`{name}`' for name in sorted(found))}" for reason, found in sorted(names.items())]
    return "\n".join(lines)


def _list(title: str, text: str, entries: Iterable[Known], results: Mapping[str, Tally]) -> str:
    lines = [f"## {title}", "", text, ""]
    for entry in entries:
        count = sum(tally.known[entry.title] for tally in results.values())
        where = ", ".join(f"`{op}`" for op in entry.ops) or "several operators"
        lines += [f"- {where}: {entry.title}; met {count} times. `{entry.case.summary()}`"]
    return "\n".join(lines)
