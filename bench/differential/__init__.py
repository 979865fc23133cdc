"""Differential testing against MXNet: drawn operator calls and small graphs, run by MXNet and by ngc, compared, and shrunk where they differ.

`python -m bench.differential --cases 50000 --update docs/operators.md` tries every operator that the importer knows and writes the table. What is drawn of an
operator stands in `strategies/`, one file a family; what MXNet itself does wrong in `mxnet_bugs`.
"""
