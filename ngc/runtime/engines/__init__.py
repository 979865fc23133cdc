"""Running the regions of a graph that an engine has."""
