"""What a run has found so far, in a file, so that a run that was interrupted goes on."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.differential.search import Tally


@dataclass
class Progress:
    """Results by operator, kept in a file that belongs to one number of cases and one seed."""

    path: Path
    cases: int
    seed: int
    results: dict[str, Tally] = field(default_factory=dict)

    def load(self) -> None:
        """Reads what an earlier run with the same cases and seed left; operators with a finding are tried anew."""
        if not self.path.exists():
            return
        stored = json.loads(self.path.read_text())
        if (stored["cases"], stored["seed"]) == (self.cases, self.seed):
            self.results = {name: _tally(content) for name, content in stored["results"].items() if not content["finding"]}

    def add(self, name: str, tally: Tally) -> None:
        """Keeps an operator's result."""
        self.results[name] = tally
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {"cases": self.cases, "seed": self.seed, "results": {name: vars(tally) for name, tally in self.results.items()}}
        self.path.write_text(json.dumps(content, indent=1))


def _tally(content: dict[str, object]) -> Tally:
    tally = Tally(**content)  # type: ignore[arg-type]  # as they were written
    tally.refusals, tally.known = Counter(tally.refusals), Counter(tally.known)
    return tally
