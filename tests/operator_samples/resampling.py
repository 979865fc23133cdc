"""Samples of: operators that sample a map at other places: resizing, adaptive pooling, grids, deformable convolutions."""

from tests.operator_samples.sample import OnnxSample, Sample, StableHloSample

ONNX: dict[str, OnnxSample] = {}

STABLEHLO: list[StableHloSample] = []

TENSORRT: tuple[Sample, ...] = ()
