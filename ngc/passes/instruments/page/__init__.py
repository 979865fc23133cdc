"""The page `index.html` of an IR dump: what every pass did to every node, and why, for a browser without a network."""

from ngc.passes.instruments.page.assemble import page
from ngc.passes.instruments.page.history import EngineFiles, History, Kernel, PassRecord
from ngc.passes.instruments.page.snapshot import Line, snapshot

__all__ = ["EngineFiles", "History", "Kernel", "Line", "PassRecord", "page", "snapshot"]
