"""Runs evaluations: engines, parts, what is recorded of them, comparisons and load."""
