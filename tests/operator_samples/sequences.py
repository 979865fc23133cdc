"""Samples of: operators on sequences of different lengths."""

from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample

ONNX: dict[str, OnnxSample] = {}

STABLEHLO: list[StableHloSample] = []

TENSORRT: tuple[Sample, ...] = ()
