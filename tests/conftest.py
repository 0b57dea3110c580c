"""What holds for all tests: drawn examples are the same in every run unless one asks to explore."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.interpreter import lean

settings.register_profile("same", derandomize=True)
settings.register_profile("explore", derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(autouse=True, scope="session")
def _interpreter() -> Iterator[None]:
    """Where Triton's interpreter runs the kernels, it does nothing twice."""
    with lean():
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give whole files to the workers: a fixture of a file is made once and not by every worker."""
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import LoadFileScheduling

    config.option.loadscopereorder = False  # the files that compile most come first as they are
    return LoadFileScheduling(config, log)
