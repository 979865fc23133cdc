"""From an ONNX model to a plan, the engine as TensorRT writes it: parse, configure, build.

Networks are strongly typed: an element type is that of the ONNX model and nothing else, and f32 is f32, not TF32. The builder is told for which compute
capabilities it builds, and for which batches. Whatever the parser or the builder says against it becomes an EngineError that quotes it.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ngc.codegen.tensor_spec import TensorSpec
from ngc.codegen.tensorrt.messages import Messages, cuda_reason, messages_of, without_noise
from ngc.codegen.tensorrt.progress import bars_on_terminal, make_monitor
from ngc.codegen.tensorrt.provider import Provider, check_capabilities, known_capabilities, load_library
from ngc.codegen.tensorrt.timing_cache import keep_timing_cache, use_timing_cache
from ngc.engines import EngineOptions
from ngc.errors import EngineError
from ngc.ir.tensor_type import SymDim, bind_shape

_log = logging.getLogger("ngc.tensorrt")


_BINDINGS = {"f32": "FLOAT", "f16": "HALF", "i32": "INT32", "i64": "INT64", "i8": "INT8", "u8": "UINT8", "bool": "BOOL"}
"""TensorRT's names of the element types that numpy passes."""


@dataclass(frozen=True)
class Plan:
    """A serialized engine and what is known of it without a device."""

    data: bytes
    facts: dict[str, Any]


def build_plan(model: bytes | Path, name: str, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], provider: Provider,
               capabilities: Sequence[str], options: EngineOptions) -> Plan:
    """Returns the plan of an ONNX model. One is built at a time in a process, since the builder measures and uses all cores by itself.

    Args:
        model: the serialized model, or the path of one whose weights lie beside it.
        name: for messages.
        inputs: the model's inputs by name, with their shapes, in which N is the batch.
        outputs: its outputs.
        provider: which TensorRT.
        capabilities: compute capabilities to build for, such as "sm86"; none for that of the GPU at hand.
        options: batches, workspace, timing cache, verbosity.

    Raises:
        EngineError: the library or a GPU is missing, it does not know a capability, or the parser or the builder refuses; all that they said.
    """
    library = load_library(provider)
    check_capabilities(provider, library, capabilities)
    messages = messages_of(library)
    with messages.alone(verbose=options.verbose):
        try:
            return _Build(library, provider, name, capabilities, options, messages).run(model, inputs, outputs)
        except (TypeError, ValueError, RuntimeError, AttributeError, MemoryError) as error:  # what the bindings make of C++ exceptions and null pointers
            said = str(error).partition("\n")[0]
            raise EngineError(f"{provider.title} failed to build {name}: {said}; {messages.quote()}") from error


@dataclass
class _Build:
    """One build."""

    library: Any
    provider: Provider
    name: str
    capabilities: Sequence[str]
    options: EngineOptions
    messages: Messages

    def run(self, model: bytes | Path, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Plan:
        library, began = self.library, time.perf_counter()
        try:
            builder = library.Builder(self.messages.logger)
        except (TypeError, RuntimeError) as error:
            raise self._no_gpu() from error
        network = builder.create_network(1 << int(library.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        self._parse(network, model)
        self._check_bindings(network, (*inputs, *outputs))
        config = builder.create_builder_config()
        self._configure(builder, config, inputs)
        bars = bars_on_terminal()
        monitor = make_monitor(library, self.messages, bars)  # must outlive the build
        config.progress_monitor = monitor
        try:
            built = builder.build_serialized_network(network, config)
        finally:
            if bars is not None:
                bars.close()
        if built is None:
            raise self._not_built()
        if self.options.timing_cache is not None and self.provider.has_timing_cache:
            keep_timing_cache(config, Path(self.options.timing_cache))
        data = bytes(built)
        return Plan(data, {**self._facts(network), "build_seconds": round(time.perf_counter() - began, 3), "plan_bytes": len(data),
                           "batch": list(self.options.batch) if any(map(_is_symbolic, inputs)) else None})

    def _parse(self, network: Any, model: bytes | Path) -> None:
        """Fills the network; EngineError with everything that the parser has against the model."""
        parser = self.library.OnnxParser(network, self.messages.logger)
        if parser.parse_from_file(str(model)) if isinstance(model, Path) else parser.parse(model):
            return
        # The parser owns its errors: nothing of them may be touched after it.
        problems = [_describe(parser.get_error(number)) for number in range(parser.num_errors)]
        listed = "\n".join(f"  {problem}" for problem in dict.fromkeys(problems)) or f"  {self.messages.quote()}"
        raise EngineError(f"{self.provider.title} {self.library.__version__} does not take {self.name}:\n{listed}")

    def _check_bindings(self, network: Any, specs: Sequence[TensorSpec]) -> None:
        """Raises EngineError where the parser has made another element type of an input or output, as it does of f64."""
        tensors = [network.get_input(number) for number in range(network.num_inputs)]
        found = {tensor.name: tensor.dtype.name for tensor in (*tensors, *(network.get_output(number) for number in range(network.num_outputs)))}
        for spec in specs:
            if found.get(spec.name) != _BINDINGS.get(spec.dtype):
                made = found.get(spec.name, "nothing").lower()
                raise EngineError(f"{self.name} takes or gives {spec.name!r} as {spec.dtype}, of which TensorRT makes {made}")

    def _configure(self, builder: Any, config: Any, inputs: Sequence[TensorSpec]) -> None:
        library = self.library
        config.clear_flag(library.BuilderFlag.TF32)
        if self.provider.named_capabilities:
            config.num_compute_capabilities = max(len(self.capabilities), 1)
            for position, capability in enumerate(self.capabilities or ("current",)):
                config.set_compute_capability(library.ComputeCapability.__members__[capability.upper()], position)
        if self.options.workspace is not None:
            config.set_memory_pool_limit(library.MemoryPoolType.WORKSPACE, self.options.workspace)
        if self.options.timing_cache is not None:
            if self.provider.has_timing_cache:
                use_timing_cache(config, Path(self.options.timing_cache), self.messages)
            else:
                _log.warning("%s measures when an engine first runs, not when it is built; the timing cache is neither read nor written", self.provider.title)
        if any(map(_is_symbolic, inputs)):
            profile = builder.create_optimization_profile()
            for spec in inputs:
                if _is_symbolic(spec):
                    profile.set_shape(spec.name, *(bind_shape(spec.shape, batch) for batch in self.options.batch))
            config.add_optimization_profile(profile)

    def _facts(self, network: Any) -> dict[str, Any]:
        """Returns what the network tells without a device."""
        layers = [network.get_layer(number) for number in range(network.num_layers)]
        tensors = [("input", network.get_input(number)) for number in range(network.num_inputs)]
        tensors += [("output", network.get_output(number)) for number in range(network.num_outputs)]
        return {
            "provider": self.provider.engine, "version": self.library.__version__, "parser_version": self.library.get_nv_onnx_parser_version(),
            "capabilities": list(self.capabilities),
            "inspected": {
                "layers": [{"name": layer.name, "kind": layer.type.name.lower()} for layer in layers],
                "kinds": dict(Counter(layer.type.name.lower() for layer in layers).most_common()),
                "bindings": [{"name": tensor.name, "mode": mode, "dtype": tensor.dtype.name.lower(), "shape": list(tensor.shape)} for mode, tensor in tensors],
            },
            "warnings": list(self.messages.warnings),
        }

    def _not_built(self) -> EngineError:
        if not self.capabilities and cuda_reason(self.messages.errors):
            return self._no_gpu()
        limit = "" if self.options.workspace is None else f" (it may use {self.options.workspace} bytes of workspace)"
        return EngineError(f"{self.provider.title} {self.library.__version__} cannot build {self.name}{limit}: {self.messages.quote()}")

    def _no_gpu(self) -> EngineError:
        known = known_capabilities(self.library)
        named = f"name compute capabilities in the target, such as tensorrt-rtx:{','.join(known[2:4])}; this version has {', '.join(known)}" \
            if self.provider.named_capabilities else 'target="tensorrt-rtx:sm86" builds for a GPU without one'
        return EngineError(f"{self.provider.title} {self.library.__version__} builds {self.name} for the GPU at hand and finds none "
                           f"({cuda_reason(self.messages.errors) or self.messages.quote(1)}): {named}")


def _describe(error: Any) -> str:
    """Returns one of the parser's errors: the node, its operator, the reason."""
    node = error.node_name() or f"node {error.node()}"
    return f"{node} ({error.node_operator() or 'model'}): {without_noise(error.desc())}"


def _is_symbolic(spec: TensorSpec) -> bool:
    return any(isinstance(dim, SymDim) for dim in spec.shape)
