"""Sparse networks of integer neurons: reference is the specification, cpu is the fast executor."""
