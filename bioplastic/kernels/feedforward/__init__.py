"""Layers of spiking neurons without recurrence, for many given spike trains at once."""
