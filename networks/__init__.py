"""Circuits worth a name: functions that return a `bioplastic.description.Network`.

This folder installs as `bioplastic.networks` and imports only
`bioplastic.description` and the named random streams of `bioplastic.provenance`.
"""

if __name__ != "bioplastic.networks":
    raise ImportError("import bioplastic.networks: the same class under two names breaks pickles")
