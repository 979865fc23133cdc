"""Finds the fewest layers that must stay in f32 for a budget of accuracy.

Layers are ranked by the noise that each adds to that of its data, which one comparison of the whole int8 model with the fp32 model tells. The worst 1, 2,
4, ... are kept in f32 until the budget holds; then bisection finds how many of them it takes. That is 2 log2(layers) trials, each of which compiles the model
and runs it over the data.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ngc.errors import InputError
from ngc.ir import Graph
from ngc.passes.value_ranges import Quantization
from ngc.quantization.analysis import Comparison, Machine, compare, decibels, noisiest, quantized

_log = logging.getLogger("ngc")


@dataclass(frozen=True)
class Budget:
    """How much accuracy may be lost.

    Attributes:
        loss: the largest share of examples whose largest first output is another one than in fp32; None where `sqnr` counts.
        sqnr: the smallest signal-to-quantization-noise ratio at any output, in dB.
    """

    loss: float | None = None
    sqnr: float | None = None

    @classmethod
    def of(cls, number: float) -> "Budget":
        """Returns the budget that one number stands for: below 1 a share of examples, from 1 on dB.

        Raises:
            InputError: a number below 0, or none.
        """
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < float("inf"):
            raise InputError("accuracy_budget is the largest share of examples that may change their first choice, such as 0.01, or from 1 on the smallest "
                             f"signal-to-noise ratio at the outputs in dB, such as 30; not {number!r}")
        return cls(loss=float(number)) if number < 1 else cls(sqnr=float(number))

    def holds(self, comparison: Comparison) -> bool:
        """Whether a comparison stays within the budget.

        Raises:
            InputError: the budget is a share of first choices, and there is nothing to choose from.
        """
        if self.loss is not None:
            if comparison.choices < 2:
                raise InputError(f"accuracy_budget below 1 counts first choices, and the first output of an example has {comparison.choices} element; give the "
                                 "smallest signal-to-noise ratio in dB, such as 30")
            return comparison.examples - comparison.same <= self.loss * comparison.examples
        return min(decibels(comparison.relative(output)) for output in comparison.outputs) >= (self.sqnr or 0.0)

    def __str__(self) -> str:
        return f"{self.loss:.3%} of first choices" if self.loss is not None else f"{self.sqnr:g} dB"


def within_budget(graph: Graph, quantization: Quantization, feeds: Sequence[Mapping[str, np.ndarray]], budget: Budget, machine: Machine) -> Quantization:
    """Returns the quantization with the fewest layers kept in f32 that a budget needs.

    Args:
        graph: in the form that `quantize` takes.
        quantization: how to quantize.
        feeds: data to measure with.
        budget: what may be lost.
        machine: how to run trials.

    Raises:
        InputError: there is no data.
    """
    def trial(kept: Sequence[str]) -> tuple[Quantization, Comparison, Graph]:
        reason = f"kept for an accuracy budget of {budget}"
        chosen = replace(quantization, keep={**quantization.keep, **dict.fromkeys(kept, reason)})
        integers = quantized(graph, chosen, machine.target)
        return chosen, compare(graph, integers, feeds, machine), integers

    chosen, comparison, integers = trial(())
    if budget.holds(comparison):
        return chosen
    ranked = noisiest(graph, integers, comparison)
    fails, count = 0, 1
    while True:
        count = min(count, len(ranked))
        chosen, comparison, _ = trial(ranked[:count])
        if budget.holds(comparison) or count == len(ranked):
            break
        fails, count = count, 2 * count
    while count - fails > 1:
        middle = (fails + count) // 2
        found, comparison, _ = trial(ranked[:middle])
        if budget.holds(comparison):
            chosen, count = found, middle
        else:
            fails = middle
    _log.info("accuracy budget of %s: %d of %d layers stay in fp32: %s", budget, count, len(ranked), ", ".join(ranked[:count]))
    return chosen
