"""Reading an HDF5 file in a process that may die of it, before anybody else opens it.

The HDF5 library does not survive every file: of 20 000 copies of a result of 17 kilobytes, each
with a few bytes changed at random, one crashed it (2.0.0, in h5py 3.16) and it did not come back
from 20 in 5 s of CPU time. No check from outside can tell which. So a helper, started once and
kept, reads all attributes and arrays of a file first, with a bound on memory and CPU time; when it
ends instead of answering, the file is refused and the next file gets a new helper.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

from bioplastic.errors import BioplasticError, Malformed

SECONDS, BYTES_A_SECOND = 10.0, 5e6
"""CPU time that a file may take: so many seconds, and one more for so many bytes of it."""
MEMORY = 12 * 2**30
"""Bytes that the helper may take."""
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]);"
    "from bioplastic import hdf5_probe; hdf5_probe.serve()"
)
_lock = threading.Lock()
_helper: subprocess.Popen[bytes] | None = None
_owner = 0


def check(path: Path) -> None:
    """Let the helper read the file; Malformed with its complaint, or when it does not survive.

    Raises BioplasticError when no helper can be started.
    """
    global _helper
    asked = json.dumps(os.fsencode(path.absolute()).hex()).encode() + b"\n"
    with _lock:
        helper = _helper if _owner == os.getpid() else None  # a fork must not share the pipes
        if helper is None or helper.poll() is not None:
            helper = _started()
        assert helper.stdin is not None
        assert helper.stdout is not None
        try:
            helper.stdin.write(asked)
            helper.stdin.flush()
            answer = helper.stdout.readline()
        except BaseException as error:  # an interrupt too: its answer would be taken for the next
            helper.kill()
            helper.wait()
            if isinstance(error, OSError):
                raise Malformed("the HDF5 library does not survive reading it") from None
            raise
    if not answer.endswith(b"\n"):
        code = helper.wait()
        what = "does not end" if -code == signal.SIGPROF else "does not survive"
        raise Malformed(f"the HDF5 library {what} reading it")
    if complaint := json.loads(answer):
        raise Malformed(str(complaint))


def _started() -> subprocess.Popen[bytes]:
    global _helper, _owner
    try:
        _helper = subprocess.Popen(
            [sys.executable, "-c", _START, json.dumps(sys.path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        raise BioplasticError(f"no process to check HDF5 files: {error}") from None
    _owner = os.getpid()
    return _helper


def serve() -> None:
    """What the helper does: for each path on a line, read the file and answer with a line.

    The answer is "" for a file that can be read, else what is wrong. It ends with its input.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = MEMORY if most == resource.RLIM_INFINITY else min(MEMORY, most)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for line in sys.stdin.buffer:
        path = Path(os.fsdecode(bytes.fromhex(json.loads(line))))
        answers.write(json.dumps(_complaint(path)).encode() + b"\n")
        answers.flush()


def _complaint(path: Path) -> str:
    import h5py

    from bioplastic import hdf5_guard

    try:
        signal.setitimer(signal.ITIMER_PROF, SECONDS + path.stat().st_size / BYTES_A_SECOND)
        with h5py.File(path, "r") as file:
            hdf5_guard.visit(file)
    except Malformed as error:
        return str(error) or "damaged"
    except Exception as error:
        return f"truncated or damaged ({type(error).__name__}: {error})"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return ""
