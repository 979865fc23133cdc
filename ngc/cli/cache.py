"""`ngc cache`: the folder of compiled kernels and measured choices."""

import argparse
import time
from typing import Any

from ngc.cli.arguments import megabytes, size


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = commands.add_parser("cache", help="list, empty or bound the cache of compiled kernels",
                                 description="Compiled kernels and what --tune measured, in NGC_CACHE_DIR or the user's cache folder.")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="show what is kept, the most recently used first")
    listing.add_argument("--all", action="store_true", help="every entry, not only the first 40")
    listing.set_defaults(command=list_command)
    actions.add_parser("clear", help="remove all entries").set_defaults(command=clear_command)
    limiting = actions.add_parser("limit", help="set the most bytes that the cache may take, and remove what is beyond")
    limiting.add_argument("size", type=size, metavar="SIZE", help="bytes, or 512M, 2G")
    limiting.set_defaults(command=limit_command)


def list_command(args: argparse.Namespace) -> None:
    """Prints the entries and how much of the limit they take."""
    from rich.console import Console
    from rich.table import Table

    from ngc.codegen.llvm import object_cache, tuning_records

    entries = object_cache.entries()
    table = Table(box=None)
    for heading, justify in (("kernel", "left"), ("bytes", "right"), ("last used", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]  # a str for rich's literals
    now = time.time()
    shown = entries if args.all else entries[:40]
    for entry in shown:
        table.add_row(entry.name, str(entry.bytes), _ago(now - entry.last_used))
    if shown:
        Console(width=None if Console().is_terminal else 120, markup=False, highlight=False).print(table)
    if len(entries) > len(shown):
        print(f"… and {len(entries) - len(shown)} more (--all shows them)")
    total = sum(entry.bytes for entry in entries)
    print(f"{object_cache.cache_root()}: {len(entries)} kernels, {megabytes(total)} of {megabytes(object_cache.limit())}{_choices(tuning_records.count())}")


def clear_command(args: argparse.Namespace) -> None:
    """Removes all entries."""
    from ngc.codegen.llvm import object_cache, tuning_records

    print(f"{object_cache.cache_root()}: removed {object_cache.clear()} kernels{_choices(tuning_records.clear())}")


def limit_command(args: argparse.Namespace) -> None:
    """Sets the limit."""
    from ngc.codegen.llvm import object_cache

    object_cache.set_limit(args.size)
    print(f"{object_cache.cache_root()}: at most {megabytes(args.size)}")


def _choices(count: int) -> str:
    return f", {count} measured choice{'s' * (count > 1)}" if count else ""


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return "now"
