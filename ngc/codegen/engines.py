"""Builds an engine image for every engine call of a graph."""

import logging
from collections.abc import Mapping

from ngc.codegen.engine_image import EngineImage
from ngc.codegen.tensor_spec import graph_specs
from ngc.engines import EngineOptions, EngineTarget
from ngc.ir import Graph
from ngc.ir.weight import Weight

_log = logging.getLogger(__name__)


def build_engines(graph: Graph, target: EngineTarget, options: EngineOptions, precision: str,
                  stored: Mapping[str, EngineImage] | None = None) -> dict[str, EngineImage]:
    """Returns an image for each engine call, by the calls' names.

    Args:
        graph: whose regions are in their final form.
        target: what is built for.
        options: how it is built.
        precision: what the regions were made for, for the images' facts.
        stored: images of Neuron modules that were built before, by the names of regions. One is taken where it has the very module that the region gives
            now, for the same target, unless flags are given or a compiler is there that was missing then.

    Raises:
        EngineError: the engine's compiler is missing or refuses a region.
        CodegenError: operators without a form in what the compiler reads, all listed.
    """
    images = {}
    for node in graph.nodes:
        if node.op == "engine.call":
            region = node.regions[0]
            images[node.name] = _stored(region, target, options, stored or {}) or _build(region, target, options, precision)
            _log.info("%s: %d operators for %s, %.1f MB", region.name, sum(region.count().values()), target.title, images[node.name].size / 1e6)
    return images


def release_constants(graph: Graph) -> None:
    """Lets go of the data of constants in engine calls, where engines hold them; names and hashes stay."""
    for node in graph.nodes:
        for region in node.regions:
            for part in region.nodes:
                if part.weight is not None:
                    part.weight = Weight(part.weight.name, None, part.weight.digest)


def _stored(region: Graph, target: EngineTarget, options: EngineOptions, stored: Mapping[str, EngineImage]) -> EngineImage | None:
    """Returns the image that was built of just this region for this target before, where building could not do better.

    Weights are arguments of a Neuron module and no part of it, so they may have changed since.
    """
    image = stored.get(region.name)
    if image is None or image.engine != target.engine or image.facts.get("family") != target.family:
        return None
    from ngc.codegen.neuron import dtypes_of
    from ngc.codegen.neuron_compiler import find_compiler
    from ngc.codegen.stablehlo import emit_stablehlo

    if options.flags or options.pipeline_cores > 1 or ("neff" not in image.files and target.family != "cpu" and find_compiler() is not None):
        return None
    module = emit_stablehlo(region)
    found = (image.files.get("stablehlo"), image.parameters, (image.inputs, image.outputs), image.facts.get("parameter_dtypes"))
    wanted = (module.text.encode(), module.parameters, graph_specs(region), dtypes_of(region, module))
    return image if found == wanted else None


def _build(region: Graph, target: EngineTarget, options: EngineOptions, precision: str) -> EngineImage:
    if target.is_tensorrt:  # each code generator is loaded for its own engine only
        from ngc.codegen.tensorrt import build_tensorrt

        return build_tensorrt(region, region.name, target, options, precision)
    from ngc.codegen.neuron import build_neuron

    return build_neuron(region, region.name, target, options, precision)
