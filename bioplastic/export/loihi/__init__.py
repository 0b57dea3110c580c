"""A learned network in the integers of Loihi, and what it predicts there."""
