"""What is known of engines before anything is compiled: their targets, their options, and what they support, with the reason for every no.

This stands between the IR and the passes: `partition` asks it, code generators write what it promises.
"""

from ngc.engines.forms import Form
from ngc.engines.options import EngineOptions
from ngc.engines.target import EngineTarget, parse_engine_target
from ngc.target import ENGINES

__all__ = ["ENGINES", "EngineOptions", "EngineTarget", "Form", "parse_engine_target"]
