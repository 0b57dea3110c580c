"""One program per microcircuit: keys, branches, a race, theta-phase plasticity, recruitment."""
