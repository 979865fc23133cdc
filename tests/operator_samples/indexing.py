"""Samples of: operators that pick elements by integers that are data: gather, one_hot and their like."""

from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample

ONNX: dict[str, OnnxSample] = {}

STABLEHLO: list[StableHloSample] = []

TENSORRT: tuple[Sample, ...] = ()
