"""Load as it comes in service: queries at random times, how long each waits for its answer, how many a second can be answered in time."""

from ngc.evaluate.load.arrivals import arrivals
from ngc.evaluate.load.clock import Clock, RealClock, VirtualClock
from ngc.evaluate.load.replay import Replay, Server, replay
from ngc.evaluate.load.search import MaxQps, Step, Verdict, find_max_qps

__all__ = ["Clock", "MaxQps", "RealClock", "Replay", "Server", "Step", "Verdict", "VirtualClock", "arrivals", "find_max_qps", "replay"]
