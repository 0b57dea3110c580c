"""The colours of figures and pages: one name, one hue for paper and one for a dark screen.

Figures are drawn with the first; `bioplastic.report` puts a CSS variable in its place, so the same
drawing reads well on both. The five hues of CYCLE keep apart under the three
colour-vision deficiencies (OKLab distance at least 0.09 after Machado, Oliveira & Fernandes 2009).
"""

from __future__ import annotations

from bioplastic.errors import UsageError, nearest

# name -> (on paper, on a dark screen); every value occurs once, for it stands for its name in SVG
PALETTE: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#161b26"),
    "ink": ("#1b2130", "#e8ebf2"),
    "muted": ("#5a6375", "#a3adc0"),
    "line": ("#d9dee7", "#343d50"),
    "grey": ("#98a1b0", "#788397"),
    "blue": ("#148be9", "#72c8ff"),
    "orange": ("#c25205", "#dc741f"),
    "teal": ("#257b70", "#12a096"),
    "red": ("#86233f", "#ffaa95"),
    "purple": ("#833db0", "#b87cf2"),
    "amber": ("#d6a400", "#e5c44f"),
    "cell": ("#4f95d6", "#2568b3"),  # below letters in ink, up to full opacity
}
CYCLE = ("blue", "orange", "teal", "purple", "red")


def colour(name: str) -> str:
    """Return the hue for paper of a palette name; a hex value is returned as it is.

    >>> colour("paper")
    '#ffffff'
    """
    if name.startswith("#"):
        return name
    if name not in PALETTE:
        raise UsageError(f"colour {name!r} is not in the palette{nearest(name, PALETTE)}")
    return PALETTE[name][0]
