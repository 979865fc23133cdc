"""The page of `ngc-eval report`: evaluations as a table and as plots, in one file for a browser without a network."""

from ngc.evaluate.report.page.assemble import page
from ngc.evaluate.report.page.content import Content, collect

__all__ = ["Content", "collect", "page"]
