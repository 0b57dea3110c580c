"""The comparison: cells that are run once, paired statistics, search, energy, the page."""
