"""What the benchmarks measured, read from their files and put side by side."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import TypeVar

from bench.models import NGC, Case, Result

_Row = TypeVar("_Row")


class UnreadableFile(Exception):
    """A file is missing or is not what the benchmark writes."""


@dataclass(frozen=True)
class Setting:
    """What networks are compared under."""

    precision: str
    threads: int
    batch: int

    def __str__(self) -> str:
        return f"{self.precision}, batch {self.batch}, {self.threads} thread{'s' if self.threads > 1 else ''}"


@dataclass(frozen=True)
class Comparison:
    """All engines on one network in one run."""

    case: Case
    results: tuple[Result, ...]

    @property
    def setting(self) -> Setting:
        """What the network was measured under."""
        return Setting(self.case.precision, self.case.threads, self.case.batch)

    def of(self, engine: str) -> Result | None:
        """Returns an engine's result if it has one."""
        return next((result for result in self.results if result.engine == engine), None)

    def sorted_by(self, engines: Sequence[str]) -> list[Result]:
        """Returns the results in the order of the engines."""
        return sorted(self.results, key=lambda result: engines.index(result.engine))

    @property
    def best_peer(self) -> Result | None:
        """The quickest of the other engines, by the median; ngc in another mode is no peer."""
        peers = [result for result in self.results if result.engine.split()[0] != NGC]
        return min(peers, key=lambda result: result.median_ms, default=None)

    @property
    def ratio(self) -> float | None:
        """How many times ngc's time the best peer takes; below 1 the peer wins."""
        own, peer = self.of(NGC), self.best_peer
        return None if own is None or peer is None else peer.median_ms / own.median_ms

    @property
    def peer_wins(self) -> bool:
        """Whether a peer is quicker than ngc."""
        return self.ratio is not None and self.ratio < 1


def read_rows(path: Path, kind: type[_Row]) -> list[_Row]:
    """Returns the lines of a benchmark's file; fields that `kind` does not have are left out.

    Raises:
        UnreadableFile: it is missing, no JSON, or a line lacks a field that has no default.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path}: {error}") from None
    names = {field.name: field.default is MISSING for field in fields(kind)}  # type: ignore[arg-type]  # rows are dataclasses
    if not isinstance(rows, list):
        raise UnreadableFile(f"{path}: expected a list of results, not {type(rows).__name__}")
    for index, row in enumerate(rows):
        lacking = [name for name, needed in names.items() if not isinstance(row, dict) or (needed and name not in row)]
        if lacking:
            raise UnreadableFile(f"{path}: result {index} lacks {', '.join(lacking)}")
    return [kind(**{name: row[name] for name in names if name in row}) for row in rows]


def read_comparisons(paths: Iterable[Path]) -> list[Comparison]:
    """Returns the comparisons of several files of results; where a later file has the same case, it replaces the earlier one's as a whole.

    Results of different runs are never compared with each other: a machine is not the same twice.

    Raises:
        UnreadableFile: as `read_rows`, or a file has an engine twice in one case.
    """
    found: dict[Case, Comparison] = {}
    for path in paths:
        cases: dict[Case, list[Result]] = {}
        for result in read_rows(path, Result):
            case = Case(result.model, result.precision, result.threads, result.batch)
            group = cases.setdefault(case, [])
            if any(other.engine == result.engine for other in group):
                raise UnreadableFile(f"{path}: {result.engine} has {result.model} twice, {Setting(case.precision, case.threads, case.batch)}")
            group.append(result)
        found.update((case, Comparison(case, tuple(group))) for case, group in cases.items())
    return list(found.values())


def by_setting(comparisons: Iterable[Comparison]) -> dict[Setting, list[Comparison]]:
    """Returns the comparisons in groups: by precision, then batch, then threads."""
    groups: dict[Setting, list[Comparison]] = {}
    for comparison in comparisons:
        groups.setdefault(comparison.setting, []).append(comparison)
    return dict(sorted(groups.items(), key=lambda item: (item[0].precision != "fp32", item[0].precision, item[0].batch, item[0].threads)))


def engines(comparisons: Iterable[Comparison]) -> list[str]:
    """Returns the engines that have results, ngc first."""
    names = list(dict.fromkeys(result.engine for comparison in comparisons for result in comparison.results))
    return sorted(names, key=lambda name: name.split()[0] != NGC)


def versions(comparisons: Iterable[Comparison]) -> dict[str, str]:
    """Returns each engine's version; several, in the order of the files, where they differ."""
    found: dict[str, list[str]] = {}
    for comparison in comparisons:
        for result in comparison.results:
            versions = found.setdefault(result.engine.split()[0], [])
            if result.engine_version not in versions:
                versions.append(result.engine_version)
    return {engine: ", ".join(versions) for engine, versions in sorted(found.items(), key=lambda item: item[0] != NGC)}


def geometric_mean(ratios: Sequence[float | None]) -> float | None:
    """Returns the geometric mean of those that there are."""
    present = [ratio for ratio in ratios if ratio is not None]
    return statistics.geometric_mean(present) if present else None
