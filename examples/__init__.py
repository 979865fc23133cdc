"""Examples: the demo and what it is made of."""
