"""Closed forms that every executor is measured against: membranes, pair sums, compartments."""
