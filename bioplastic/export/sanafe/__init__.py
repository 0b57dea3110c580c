"""SANA-FE: networks and branches for its simulator of a Loihi-like chip."""
