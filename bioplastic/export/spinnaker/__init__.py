"""SpiNNaker: a network for sPyNNaker 7, and what it compiled read back."""
