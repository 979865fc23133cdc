"""Flags that choose evaluations of a database, as the MLModelScope agents' `info evaluation` spells them."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngc.errors import EvaluationError
from ngc.evaluate.cli.flags import add_flag
from ngc.evaluate.records import FAILED, FINISHED, RUNNING, Evaluation

if TYPE_CHECKING:
    from ngc.evaluate.store import Filter, Store

ALL_STATES = "all"
"""Instead of a state: any."""

FILTERS = {
    "model_name": "of this model; the agents' default is BVLC-AlexNet, here it is all models", "model_version": "of this version of the model",
    "framework_name": "of models of this framework", "framework_version": "of this version of the framework", "dataset_name": "over this data set",
    "precision": "computed in fp32, bf16, fp16 or int8", "target": "compiled for this target", "hostname": "on this machine",
}  # fmt: skip
"""Flags of text that are fields of the store's filter."""


_FRAMEWORKS = {"mxnet": "MXNet"}
"""Names of frameworks as manifests spell them; the agents take them in any case."""


@dataclass(frozen=True)
class Found:
    """An open store and what was chosen of it, newest first."""

    store: "Store"
    evaluations: list[Evaluation]


def add_filters(parser: argparse.ArgumentParser, *, limit: str = "at most so many evaluations, the newest; -1 for all") -> None:
    """Adds the flags. Unlike the agents', they choose everything unless told otherwise."""
    group = parser.add_argument_group("which evaluations", "What is not given may be anything; an agent looks for BVLC-AlexNet 1.0 where no model is named.")
    for name, help in FILTERS.items():
        add_flag(group, name, "", help)
    add_flag(group, "arch", "", "on machines of this architecture, such as x86_64")
    add_flag(group, "batch_size", 0, "with this batch size; 0 for any")
    states = (RUNNING, FINISHED, FAILED, ALL_STATES)
    add_flag(group, "state", FINISHED, f"in this state: {', '.join(states)}", choices=states)
    add_flag(group, "evaluation", "", "the one of this id, in whatever state")
    add_flag(group, "limit", -1, limit)
    add_flag(group, "database_address", "", "a file of SQLite, or an address such as postgresql://host/database; else the file in the user's data folder")
    add_flag(group, "database_name", "", "name of the database")


@contextmanager
def find(args: argparse.Namespace, limit: int) -> Iterator[Found]:
    """Opens the store and yields the evaluations that the flags choose.

    Args:
        limit: how many at most; -1 for all.

    Raises:
        StoreError: the database cannot be read, or has no evaluation of the id.
        EvaluationError: there is no such evaluation, or no file of the database.
    """
    from ngc.evaluate.store import Store

    _check_file(args)
    with Store.open(args.database_address, args.database_name) as store:
        evaluations = [store.evaluation(args.evaluation)] if args.evaluation else store.evaluations(_filter(args, limit))
        if not evaluations:
            raise EvaluationError(f"no evaluation found{_conditions(args)}")
        yield Found(store, evaluations)


def _check_file(args: argparse.Namespace) -> None:
    """Refuses a file that is not there, which opening the store would make: a database of which only a mistaken name is known."""
    from ngc.evaluate.store import find_database

    url = find_database(args.database_address, args.database_name).url
    if url.get_backend_name() == "sqlite" and not os.path.exists(str(url.database)):
        raise EvaluationError(f"there is no database {url.database}; `ngc-eval predict ... --publish` makes it")


def _filter(args: argparse.Namespace, limit: int) -> "Filter":
    from ngc.evaluate.store import Filter

    wanted = {name: getattr(args, name) for name in FILTERS}
    wanted["framework_name"] = _FRAMEWORKS.get(args.framework_name.lower(), args.framework_name)
    return Filter(**wanted, architecture=args.arch, batch_size=args.batch_size,
                  state="" if args.state == ALL_STATES else args.state, limit=limit)


def _conditions(args: argparse.Namespace) -> str:
    given = [f"--{name} {getattr(args, name)}" for name in (*FILTERS, "arch", "batch_size") if getattr(args, name)]
    state = [] if args.state == ALL_STATES else [f"--state {args.state} (--state {ALL_STATES} shows those in any)"]
    return f" with {', '.join([*given, *state])}" if given or state else ": the database has none"
