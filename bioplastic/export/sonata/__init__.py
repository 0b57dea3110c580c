"""SONATA: spikes, and the learned network as nodes and edges."""
