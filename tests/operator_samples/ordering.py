"""Samples of: operators that sort, and that find the largest and smallest."""

from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample

ONNX: dict[str, OnnxSample] = {}

STABLEHLO: list[StableHloSample] = []

TENSORRT: tuple[Sample, ...] = ()
