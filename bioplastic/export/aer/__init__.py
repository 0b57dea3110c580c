"""Spikes as address-events: files of event cameras and packets of SpiNNaker."""
