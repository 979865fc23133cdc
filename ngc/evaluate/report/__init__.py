"""What evaluations measured, as tables and as a page: durations, latency, accuracy, layers, loads, predictions."""
