"""The locality audit: what each update uses, where that is, and how late it may come."""

from __future__ import annotations

from dataclasses import dataclass

from bioplastic.errors import UsageError

PLACES = ("pre", "post", "synapse", "branch", "population", "broadcast", "elsewhere")
"""Where a quantity lives, seen from the synapse; the last two need wires of their own."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """One quantity that an update uses.

    quantity   what it is, in the field's terms
    place      one of PLACES: "population" is what neurons of one population share through
               inhibition; "broadcast" is one number sent to all; "elsewhere" is anything that the
               synapse cannot see (weights of other synapses, errors of other neurons, the future)
    latency    how long after the event it is needed: "at the spike", "one theta cycle"
    local      True where pre, post, synapse, branch or local inhibition carry it
    why        one sentence: what carries it, or why nothing could
    """

    quantity: str
    place: str
    latency: str
    local: bool
    why: str

    def __post_init__(self) -> None:
        """Check the place, and that what is elsewhere is not called local."""
        if self.place not in PLACES:
            raise UsageError(f"Use: place = {self.place!r} is none of {', '.join(PLACES)}")
        if self.local and self.place in ("broadcast", "elsewhere"):
            raise UsageError(f"Use: {self.quantity!r} is {self.place}; that is not local")
