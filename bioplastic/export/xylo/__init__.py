"""Xylo: the specification of a network that it holds, with stimulus and response."""
