"""Samples of: recurrent layers."""

from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample

ONNX: dict[str, OnnxSample] = {}

STABLEHLO: list[StableHloSample] = []

TENSORRT: tuple[Sample, ...] = ()
