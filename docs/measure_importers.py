"""Give the cases to every importer of NIR and print the tables.

python docs/measure_importers.py        needs the environments of `make importers`
"""

from __future__ import annotations

import sys
from datetime import datetime

from bioplastic import provenance
from bioplastic.export.nir import conformance


def main() -> int:
    """Examine, print; stop where an importer is not here."""
    reports = [conformance.examine(t, conformance.interpreter(t)) for t in conformance.TOOLS]
    missing = [f"{r.tool}: {r.absent}" for r in reports if r.absent]
    if missing:
        raise SystemExit("\n".join(missing))
    print("\n".join(conformance.table(reports)))
    manifest = provenance.manifest(
        name="importers", seed=0, backend="cpu", quick=False, started=datetime.now().astimezone(),
        command=["bioplastic", "conformance"], wall_seconds={},
    )  # fmt: skip
    git, versions = manifest["git"] or {}, manifest["versions"]
    revision = str(git.get("revision", "unknown"))[:7] + "+ changes" * bool(git.get("dirty"))
    print(f"\n*bioplastic {versions['bioplastic']}, revision {revision}; `bioplastic conformance`,"
          " `python docs/measure_importers.py`.*")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
