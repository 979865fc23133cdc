"""What is listed."""

from argparse import Namespace, _ArgumentGroup

from ngc.errors import InputError

TITLE = "listing"

_LISTS = ("passes", "ops", "mxnet_ops", "pipelines")


def add_arguments(group: _ArgumentGroup) -> None:
    """Adds the flags."""
    group.add_argument("--list-passes", action="store_true", help="list passes with their options")
    group.add_argument("--list-ops", action="store_true", help="list operators: operands, attributes, MXNet's names, state per target")
    group.add_argument("--list-mxnet-ops", action="store_true", help="list MXNet's operators: aliases, what each becomes, state per target, or why not")
    group.add_argument("--list-pipelines", action="store_true", help="list the named pipelines")
    group.add_argument("--list-nodes", action="store_true", help="list INPUT's nodes after the passes: name, operator, type, MXNet nodes")
    group.add_argument("--json", action="store_true", help="lists and --emit stats as JSON")


def wanted_lists(options: Namespace) -> list[str]:
    """Returns the lists that need no input."""
    return [name for name in _LISTS if getattr(options, f"list_{name}")]


def check_listing(options: Namespace) -> None:
    """Raises InputError where the flags of lists do not go together."""
    if options.list_nodes and wanted_lists(options):
        raise InputError(f"--list-nodes lists nodes of INPUT; it does not go with --list-{wanted_lists(options)[0].replace('_', '-')}")
    if options.list_nodes and options.emit is not None:
        raise InputError(f"--list-nodes writes a list of nodes, --emit {options.emit} something else; ask for one of them")
    if options.json and not (options.list_nodes or wanted_lists(options) or options.emit == "stats"):
        raise InputError("--json goes with --list-passes, --list-ops, --list-mxnet-ops, --list-pipelines, --list-nodes and --emit stats")
