"""Learning rules for chips, with weight trajectories that belong to them."""
