"""Integer kernels: one folder for each kernel, `reference` is its specification."""
