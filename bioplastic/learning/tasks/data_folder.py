"""Where datasets lie that the package does not ship: a folder that the user names."""

from __future__ import annotations

import os
from pathlib import Path

from bioplastic.learning.task import MissingData

VARIABLE = "BIOPLASTIC_DATA"


def locate(relative: str, *, source: str, licence: str, given: str | Path | None = None) -> Path:
    """Return the path of a dataset file.

    relative   path below the data folder, such as "jsb/JSB_Chorales.mat"
    source     where a person gets it
    licence    under what licence
    given      the file itself, or None to look in $BIOPLASTIC_DATA and then in ./data
    Raises MissingData that says all of this, when the file is not there.
    """
    if given is not None:
        places = [Path(given)]
    else:
        named = os.environ.get(VARIABLE)
        roots = [Path(named)] if named else [Path("data")]
        places = [root / relative for root in roots]
    for place in places:
        if place.is_file():
            return place
    raise MissingData(
        f"{relative} is not there (looked at {', '.join(map(str, places))}). Get it from {source}"
        f" ({licence}) and set {VARIABLE} to the folder that holds {relative}"
    )
