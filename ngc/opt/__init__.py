"""ngc-opt: reads a model or IR text, runs passes on it, and shows what they do."""
