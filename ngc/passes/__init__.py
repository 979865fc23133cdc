"""Passes, pipelines and the manager that runs them."""

from ngc.passes.base import Pass, PassContext
from ngc.passes.manager import Instrument, PassManager
from ngc.passes.pipeline import format_pipeline, parse_pipeline
from ngc.passes.registry import PASSES, PIPELINES

__all__ = ["PASSES", "PIPELINES", "Instrument", "Pass", "PassContext", "PassManager", "format_pipeline", "parse_pipeline"]
