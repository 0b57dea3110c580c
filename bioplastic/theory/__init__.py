"""Closed forms that every executor is measured against: membranes, STDP pair sums, two compartments."""
