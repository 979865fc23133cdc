"""Arguments about engines, and what they become."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ngc.engines import EngineOptions


def add_partition_options(parser: argparse.ArgumentParser) -> Any:
    """Adds what says which part of a model goes to an engine; returns the group of arguments."""
    group = parser.add_argument_group("engines", "for --target tensorrt, tensorrt-rtx:sm86,sm89 and neuron:inf2")
    group.add_argument("--min-subgraph-size", type=int, default=None, metavar="N", help="regions of fewer operators stay on the CPU; default: 2")
    group.add_argument("--exclude-node", action="append", default=[], metavar="NAME", help="an MXNet node that stays on the CPU")
    group.add_argument("--force-node", action="append", default=[], metavar="NAME", help="an MXNet node that goes to the engine, supported or not")
    return group


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Adds what says how an engine is built, too."""
    group = add_partition_options(parser)
    group.add_argument("--engine-batch", type=_batch, default=None, metavar="LEAST,USUAL,MOST", help="batches that TensorRT builds for where the model's is N")
    group.add_argument("--timing-cache", default=None, metavar="FILE", help="where TensorRT's measurements are kept")
    group.add_argument("--workspace", type=_size, default=None, metavar="SIZE", help="memory that TensorRT may use beside weights and activations, such as 1G")
    group.add_argument("--compiler-flag", action="append", default=[], metavar="FLAG", help="a further argument of neuronx-cc: --compiler-flag=--optlevel=1")
    group.add_argument("--pipeline-cores", type=int, default=None, metavar="N", help="over how many NeuronCores the compiler spreads the model")
    group.add_argument("--work-dir", default=None, metavar="DIR", help="keep what the Neuron compiler is given, says and makes there")


def engine_options(args: argparse.Namespace) -> "EngineOptions | None":
    """Returns the options of an engine; None where none was given, and none is meant."""
    from ngc.engines import EngineOptions, parse_engine_target  # `ngc --help` does without

    given = {"min_subgraph_size": args.min_subgraph_size, "excl_node_names": tuple(args.exclude_node), "force_incl_node_names": tuple(args.force_node)}
    for name in ("engine_batch", "timing_cache", "workspace", "pipeline_cores", "work_dir"):
        given[name.removeprefix("engine_")] = getattr(args, name, None)
    given["flags"] = tuple(getattr(args, "compiler_flag", ()))
    chosen = {name: value for name, value in given.items() if value not in (None, ())}
    return EngineOptions(**chosen, verbose=args.verbose) if chosen or parse_engine_target(args.target) is not None else None


def _batch(text: str) -> tuple[int, int, int]:
    parts = text.split(",")
    if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} are no three batches; expected LEAST,USUAL,MOST, such as 1,8,32")
    least, usual, most = map(int, parts)
    return least, usual, most


def _size(text: str) -> int:
    from ngc.cli.arguments import size  # that module takes these arguments in

    return size(text)
