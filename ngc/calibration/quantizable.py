"""The form of a graph in which activations are calibrated and quantized, and what tells such graphs apart."""

import hashlib

from ngc.ir import Graph
from ngc.passes import PIPELINES, Pass, PassContext, PassManager, parse_pipeline


def quantizable_passes() -> list[Pass]:
    """Returns the passes that come before quantization: all fusion of the float pipeline but prologues, which would hide what a convolution reads."""
    passes = parse_pipeline(PIPELINES["cpu-fp32"])
    last = next(index for index, item in enumerate(passes) if item.name == "fuse-elementwise")
    return [item for item in passes[:last + 1] if item.name != "fuse-prologue"]


def quantizable(graph: Graph, ctx: PassContext) -> None:
    """Brings an imported graph, in place, into the form that calibration and quantization share, so that values have the same names for both."""
    PassManager(quantizable_passes(), verify_each=False).run(graph, ctx)


def fingerprint(graph: Graph) -> str:
    """Returns 32 hexadecimal digits of a hash of what a graph computes by which names: operators, operands and the constants' data.

    Types and attributes are left out, since they change with the batch, for which a calibration does not matter.
    """
    state = hashlib.blake2b(digest_size=16)
    for value in graph.inputs:
        state.update(f"%{value.name};".encode())
    for node in graph.nodes:
        weight = node.weight.digest if node.weight is not None else ""
        names = (" ".join(value.name for value in values) for values in (node.outputs, node.inputs))
        state.update(f"{'='.join(names)} {node.op} {weight};".encode())
    return state.hexdigest()
