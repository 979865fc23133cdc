"""Verdicts: a case run by MXNet and by ngc, compared, and explained where a table says why the two differ."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bench.differential.case import Case
from bench.differential.compare import distance
from bench.differential.known import Known
from bench.differential.liberties import LIBERTIES
from bench.differential.mxnet_bugs import MXNET_BUGS
from bench.differential.ngc_runs import Result, run_ngc
from bench.differential.oracle import Answer, Oracle


@dataclass(frozen=True)
class Verdict:
    """What became of a case.

    Attributes:
        kind: "equal"; "refused" by ngc, which says why; "both refuse"; "explained" by the table of what is known; or what is wrong: "differs", "accepts" what
            MXNet refuses, "crashes", "aborts" (MXNet) or "unsteady" (MXNet).
        text: the refusal, or what is wrong.
        error: the largest error in units of the tolerance, where both computed.
        compiled: whether the compiled program was compared too.
        known: what explains it.
    """

    kind: str
    text: str = ""
    error: float = 0.0
    compiled: bool = False
    known: Known | None = None

    @property
    def wrong(self) -> bool:
        """Whether nothing explains what was found."""
        return self.kind not in ("equal", "refused", "both refuse", "explained")


def judge(cases: Sequence[Case], oracle: Oracle) -> list[Verdict]:
    """Returns the verdict on each case; ngc works while MXNet does."""
    batch = oracle.submit(cases)
    results = [run_ngc(case) for case in cases]
    verdicts = []
    for case, answer, (reference, program) in zip(cases, batch.answers(), results, strict=True):
        verdict = _compare(case, answer, reference, program)
        if verdict.kind == "differs":  # an earlier case may have written into MXNet's memory
            again = oracle.run(case)
            verdict = _compare(case, again, reference, program)
            if verdict.wrong and distance(again.arrays, answer.arrays, case.tolerance)[0] > 1:
                verdict = Verdict("unsteady", "MXNet's own result changes from run to run")
        known = _explanation(case, verdict, answer) if verdict.wrong else None
        verdicts.append(verdict if known is None else Verdict("explained", verdict.text, compiled=verdict.compiled, known=known))
    return verdicts


def _compare(case: Case, answer: Answer, reference: Result, program: Result | None) -> Verdict:
    for result in (reference, program):
        if result is not None and result.crashed:
            return Verdict("crashes", f"ngc: {result.refusal}")
    if answer.state in ("aborted", "hung"):
        return Verdict("aborts", f"MXNet {answer.state}: {answer.message}")
    if reference.refusal:
        return Verdict("both refuse" if answer.state == "refused" else "refused", reference.refusal)
    if answer.state == "refused":
        return Verdict("accepts", f"ngc computes what MXNet refuses: {_first_line(answer.message)}")
    error, what = distance(reference.arrays, answer.arrays, case.tolerance)
    if error > 1:
        return Verdict("differs", f"reference evaluator, {what}", error)
    if program is None or program.refusal:
        return Verdict("equal", program.refusal if program is not None else "", error)
    compiled, what = distance(program.arrays, answer.arrays, case.tolerance)
    if compiled > 1:
        return Verdict("differs", f"compiled for {case.target}, {what}", compiled, compiled=True)
    return Verdict("equal", error=max(error, compiled), compiled=True)


def _explanation(case: Case, verdict: Verdict, answer: Answer) -> Known | None:
    """Returns the first entry of the tables that explains a verdict."""
    text = f"{verdict.text}\n{answer.message}"
    return next((entry for entry in (*MXNET_BUGS, *LIBERTIES) if entry.explains(case, verdict.kind, text)), None)


def _first_line(message: str) -> str:
    """Returns what an MXNet error says, without the places in its sources."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Traceback", "Stack trace", "File ", "["))] or lines
    return re.sub(r"^.*?: (?=Check failed|Error in)", "", next((line for line in told if "Check failed" in line), told[0] if told else ""))[:300]


def explain(case: Case) -> None:
    """Runs one case and prints what both make of it."""
    with Oracle() as oracle:
        answer = oracle.run(case)
        [verdict] = judge([case], oracle)
    print(case.summary())
    for name, array in case.arrays().items():
        print(f"{name} = {array!r}")
    print(f"MXNet {answer.state}: {answer.message or list(answer.arrays)}")
    for name, result in zip(("reference evaluator", f"compiled for {case.target}"), run_ngc(case), strict=True):
        if result is not None:
            print(f"{name}: {result.refusal or list(result.arrays)}")
    print(f"{verdict.kind}: {verdict.text}" + (f" ({verdict.known.title})" if verdict.known else ""))
