"""The rooms of `bioplastic/export`: who needs whom, as docs/export.md says, and no circle."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import bioplastic.export

HERE = Path(bioplastic.export.__file__).parent
PAGE = Path(__file__).parents[2] / "docs/export.md"


def needs(room: Path) -> set[str]:
    """The other rooms that the modules of a room import, also those imported late."""
    found: set[str] = set()
    for path in room.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            found.update(name.split(".")[2] for name in names if name.count(".") >= 2
                         and name.startswith("bioplastic.export."))  # fmt: skip
    return found - {room.name}


def rooms() -> dict[str, set[str]]:
    found = {p.parent.name: needs(p.parent) for p in HERE.glob("*/__init__.py")}
    assert len(found) > 5
    return found


def test_no_circle_among_rooms():
    assert set(TopologicalSorter(rooms()).static_order()) == set(rooms())


def test_page_says_who_needs_whom():
    text = PAGE.read_text().split("## Where the code is")[1]
    rows = re.findall(r"^\| `(\w+)` \| [^|]* \|([^|]*)\|$", text, flags=re.M)
    said = {room: set(re.findall(r"`(\w+)`", needed)) for room, needed in rows}
    assert said == rooms()
