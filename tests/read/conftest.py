"""Brian2 on its numpy target, which compiles nothing, for the original models."""

import brian2
import pytest

brian2.BrianLogger.suppress_name("unused_brian_object")  # many models are read and never run


@pytest.fixture(autouse=True)
def _numpy_target():
    before = brian2.prefs["codegen.target"]
    brian2.prefs["codegen.target"] = "numpy"
    yield
    brian2.prefs["codegen.target"] = before
