"""A network in PyNN's terms, and the script that builds it."""
