"""Five codes of whole numbers as spikes; `codes` holds the classes, `reference` is the meaning."""
