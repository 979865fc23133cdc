"""What computes batches: the protocol that runners know, and the engine that compiles a model, or loads a saved one, in this process."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ngc.cli.arguments import is_artifact
from ngc.errors import EvaluationError, InputError
from ngc.evaluate.manifest import Manifest, ModelFiles

if TYPE_CHECKING:
    from ngc.calibration import CalibrationTable
    from ngc.runtime import Executable
    from ngc.runtime.profile import Profile


class Engine(Protocol):
    """Computes batches of a model of one input.

    Attributes:
        description: what computes, for records: what the code is for.
    """

    @property
    def description(self) -> str: ...

    def predict(self, array: np.ndarray) -> list[np.ndarray]:
        """Returns the model's outputs, each (inputs, ...), for a batch (inputs, ...) of any size."""
        ...

    def predict_traced(self, array: np.ndarray) -> "tuple[list[np.ndarray], Profile]":
        """Returns what `predict` returns, and the time of each kernel in this very run."""
        ...


@dataclass(frozen=True)
class Build:
    """How a model is compiled; the fields are `ngc.compile`'s arguments.

    Attributes:
        precision: "" is what the model itself says: int8 where MXNet quantized it, else fp32.
        calibration: for int8, what `ngc calibrate` or `calibrate_model` counted.
    """

    target: str = "cpu"
    precision: str = ""
    threads: int | None = None
    calibration: "CalibrationTable | None" = None
    fallback: str | None = None
    tune: bool = False
    cache: bool = True


class LocalEngine:
    """An executable in this process, fed by the manifest's input layer."""

    def __init__(self, executable: "Executable", manifest: Manifest, source: str) -> None:
        """Takes an executable that has the manifest's input and takes batches of any size.

        Args:
            executable: what computes.
            manifest: names the input layer and its dimensions.
            source: what the executable was made of, for errors.

        Raises:
            EvaluationError: the executable has other inputs than the manifest says, or is for one size of batches.
        """
        self.executable = executable
        self._layer = manifest.input_layer
        inputs = {spec.name: spec.shape for spec in executable.inputs}
        wanted = input_shapes(manifest)[self._layer]
        if inputs != {self._layer: wanted}:
            described = ", ".join(f"{name}{list(shape)}" for name, shape in inputs.items())
            raise EvaluationError(f"{source} takes {described}; the manifest of {manifest.name} says {self._layer}{list(wanted)}, N being a batch of any size")

    @classmethod
    def compile(cls, files: ModelFiles, manifest: Manifest, build: Build) -> "LocalEngine":
        """Returns an engine of a checkpoint, or of a saved artifact where the manifest's symbol is one.

        Raises:
            EvaluationError: the model has other inputs than the manifest says.
            NgcError: as `ngc.compile`, or `ngc.load`.
        """
        if is_artifact(str(files.symbol)):
            return cls.load(files.symbol, manifest, build)
        from ngc.driver import compile  # LLVM is loaded by whoever compiles

        try:
            executable = compile(str(files.symbol), str(files.params), shapes=input_shapes(manifest), dtypes=_dtypes(manifest), target=build.target,
                                 precision=build.precision or None, threads=build.threads, calibration=build.calibration, fallback=build.fallback,
                                 tune=build.tune, cache=build.cache)
        except InputError as error:
            if build.precision == "int8" and build.calibration is None:
                raise EvaluationError(f"{error}; --calibration=FILE names a table of `ngc calibrate`, --calibration_images=N takes the first inputs") from error
            raise
        return cls(executable, manifest, str(files.symbol))

    @classmethod
    def load(cls, path: Path, manifest: Manifest, build: Build) -> "LocalEngine":
        """Returns an engine of an artifact that `Executable.save` wrote. It was compiled before, so of `build` only the threads can be chosen.

        Raises:
            EvaluationError: `build` asks for something else than the artifact is, or the manifest says other inputs.
            ArtifactError: it is missing, damaged or for another machine.
        """
        from ngc.runtime.artifact import load

        executable = load(path, threads=build.threads)
        if build.precision and build.precision != (stored := _precision(executable)):
            raise EvaluationError(f"{path} was compiled in {stored}, not in {build.precision}")
        if build.target != Build.target and not (stored := _target(executable)).startswith(build.target):
            raise EvaluationError(f"{path} was compiled for {stored}, not for {build.target}")
        chosen = [name for name in ("calibration", "fallback", "tune") if getattr(build, name) not in (None, False)]
        if chosen:
            raise EvaluationError(f"{path} was compiled before; --{' and --'.join(chosen)} would have been part of that")
        return cls(executable, manifest, str(path))

    @property
    def precision(self) -> str:
        """What it computes in: fp32, bf16, fp16 or int8."""
        return _precision(self.executable)

    @property
    def target(self) -> str:
        """What it was compiled for."""
        return _target(self.executable)

    @property
    def processor(self) -> str:
        """The processor that the code is for, and a digest of its features: results are equal to the bit where they are the same."""
        target = self.executable.target
        return f"{target.cpu}-{hashlib.sha256(target.identity.encode()).hexdigest()[:12]}"

    @property
    def weight_bytes(self) -> int:
        """Bytes of packed weights, with what was built for engines."""
        return self.executable.memory.weights + self.executable.memory.engines

    @property
    def description(self) -> str:
        """The processor or device, and how many threads."""
        return f"{self.target}, {self.executable.threads} thread{'s' * (self.executable.threads != 1)}"

    def predict(self, array: np.ndarray) -> list[np.ndarray]:
        """Returns the outputs for a batch."""
        return self.executable.run({self._layer: array})

    def predict_traced(self, array: np.ndarray) -> "tuple[list[np.ndarray], Profile]":
        """Returns the outputs for a batch, and the time of each kernel in this run."""
        return self.executable.run_traced({self._layer: array})


def input_shapes(manifest: Manifest) -> dict[str, tuple[int | str, ...]]:
    """Returns the manifest's input as `ngc.compile` and `ngc.calibrate` take it: a batch of any size.

    Raises:
        EvaluationError: the manifest has several inputs, or does not say the size of its one.
    """
    if len(manifest.inputs) != 1:
        raise EvaluationError(f"{manifest.source}: {manifest.name} has {len(manifest.inputs)} inputs; models of one input can be evaluated")
    if not manifest.input_shape:
        raise EvaluationError(f"{manifest.source}: inputs[0].parameters.dimensions are missing; a model is compiled for inputs of a known size")
    return {manifest.input_layer: ("N", *manifest.input_shape)}


def calibrate_model(files: ModelFiles, manifest: Manifest, batches: Iterable[np.ndarray], build: Build) -> "CalibrationTable":
    """Returns what the activations of a checkpoint are over batches of inputs, each (inputs, ...).

    Raises:
        EvaluationError: there is no batch, or the model is a saved artifact.
        NgcError: as `ngc.calibrate`.
    """
    if is_artifact(str(files.symbol)):
        raise EvaluationError(f"{files.symbol} is a saved artifact; a checkpoint can be calibrated, an artifact was before it was compiled")
    from ngc.calibration import calibrate

    feeds = ({manifest.input_layer: batch} for batch in batches)
    first = next(feeds, None)
    if first is None:
        raise EvaluationError("there is no input to calibrate with: --calibration_images takes the first inputs of the data set that can be read")
    try:
        return calibrate(str(files.symbol), chain([first], feeds), str(files.params), shapes=input_shapes(manifest), dtypes=_dtypes(manifest),
                         threads=build.threads, cache=build.cache)
    except InputError as error:
        raise EvaluationError(f"calibration with the first inputs of the data set failed: {error}") from error


def _dtypes(manifest: Manifest) -> dict[str, str]:
    return {manifest.input_layer: manifest.inputs[0].parameters.element_type}


def _target(executable: "Executable") -> str:
    return str(executable.program.options.get("engine", executable.program.target))


def _precision(executable: "Executable") -> str:
    return str(executable.program.options.get("precision", "fp32"))
