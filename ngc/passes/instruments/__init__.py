"""What watches a pipeline run: printing, dumping, timing, counting, tracing, bisecting and checking numbers."""

from ngc.passes.instruments.bisect import Bisect
from ngc.passes.instruments.breakage import FindBreakage
from ngc.passes.instruments.debug_counter import DebugCounters
from ngc.passes.instruments.dumping import DumpIR
from ngc.passes.instruments.finite import CheckFinite
from ngc.passes.instruments.numerics import CheckNumerics
from ngc.passes.instruments.printing import PrintChanges, PrintIR
from ngc.passes.instruments.statistics import Statistics
from ngc.passes.instruments.timing import Timing
from ngc.passes.instruments.tracing import TraceRule

__all__ = ["Bisect", "CheckFinite", "CheckNumerics", "DebugCounters", "DumpIR", "FindBreakage", "PrintChanges", "PrintIR", "Statistics", "Timing", "TraceRule"]
