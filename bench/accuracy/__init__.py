"""What int8 costs in accuracy, on several engines: `python -m bench.accuracy --help`."""
