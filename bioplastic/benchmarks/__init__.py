"""Speed and memory, measured side by side in one run: `bioplastic bench NAME`.

A benchmark is a module with a docstring, `QUICK`, `FULL` (keyword arguments of `measure`) and
`measure(**sizes) -> Measured`. Ratios are what counts: both sides ran on the same machine within
seconds of each other. Seconds are CPU seconds of one thread unless a name says otherwise.
"""
