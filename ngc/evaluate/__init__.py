"""Evaluates models: accuracy, latency, load and layers, reproduced from a manifest. The command is `ngc-eval`.

Everything here needs the packages of the extra `eval`; nothing of ngc outside imports it.
"""
