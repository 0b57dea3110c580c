"""Questions worth a figure: one file each, run by `bioplastic run NAME`.

This folder installs as `bioplastic.experiments`. A module holds a docstring (question, figure of
which paper, run time), a frozen `Config`, `QUICK`, `BACKENDS`, `describe` and `run`.
"""

if __name__ != "bioplastic.experiments":
    raise ImportError(
        "import bioplastic.experiments: the same class under two names breaks pickles"
    )
