"""Spreads evaluations over the machines of a Ray cluster (`--engine=ray`).

The driver compiles the model and saves it once. Each worker, an actor with a number of CPUs of its own, loads that artifact, opens the data set itself and
evaluates whole parts, with the batches and the threads that one process would have. The driver hands the parts out, gets their results as they are finished
and records them; parts of workers that are lost are handed out again.

Results are equal to the bit to those of one process where the workers run the same versions of ngc, numpy and Pillow, which is checked, on processors with the
same extensions. The model's code is the artifact's, so it computes the same on every processor that has what it was compiled for; one that lacks some of that
is an error. numpy chooses some of its own loops (the exponential of a softmax outside of the model) by the processor, so other processors are warned of.
"""

from ngc.evaluate.scale.cluster import AUTO, LOCAL, Cluster, import_ray
from ngc.evaluate.scale.runner import RayRunner

__all__ = ["AUTO", "LOCAL", "Cluster", "RayRunner", "import_ray"]
