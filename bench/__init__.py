"""Benchmarks: whole models against other engines, single kernels, compile time, and correctness over the model zoo."""
