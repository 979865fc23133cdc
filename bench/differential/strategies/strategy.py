"""What a strategy is: a function that draws a case of an operator."""

from collections.abc import Callable

from bench.differential.case import Case
from bench.differential.maker import Maker

Strategy = Callable[[Maker, str], Case]
"""Draws a case of the operator that it is given the MXNet name of; operators that take alike share one."""
