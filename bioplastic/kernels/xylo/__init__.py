"""The arithmetic `xylo-1`: the reference alone."""
