"""Triton's interpreter with its bookkeeping made once: the same operations, a third of the time.

The interpreter wraps every number and every operation in objects that say what a compiler would be
told. Nothing here changes what an operation computes; each part says what it leaves out, and why
nobody can see it.
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


@contextmanager
def lean() -> Iterator[None]:
    """The interpreter without work that it repeats or throws away; no-op where it is off."""
    if not INTERPRETED:
        yield
        return
    interpreter = pytest.importorskip("triton.runtime.interpreter")
    with pytest.MonkeyPatch.context() as patch:
        scope = _language_once(interpreter, patch)
        _no_discarded_checks(interpreter, patch)
        _types_once(interpreter, patch)
        _nothing_to_broadcast(patch)
        yield
        patch.undo()
        scope.restore()


def _language_once(interpreter: Any, patch: pytest.MonkeyPatch) -> Any:
    """triton.language is patched anew for every function that is called: the same patch."""
    everywhere = SimpleNamespace(__globals__={"tl": interpreter.tl, "core": interpreter.tl.core})
    scope = interpreter._patch_lang(everywhere)
    patch.setattr(interpreter, "_patch_lang", lambda fn: SimpleNamespace(restore=lambda: None))
    return scope


def _no_discarded_checks(interpreter: Any, patch: pytest.MonkeyPatch) -> None:
    """Sums and products are made in int64 as well, for an assertion that only debug mode makes."""
    builder = interpreter.interpreter_builder
    assert not builder.options.debug
    patch.setattr(builder, "options", replace(builder.options, sanitize_overflow=False))


def _types_once(interpreter: Any, patch: pytest.MonkeyPatch) -> None:
    """Types never change and are asked for in every operation: each is made once."""
    core = importlib.import_module("triton.language.core")
    numpy_type, make_block = interpreter._get_np_dtype, core.block_type.__init__
    numpy_types: dict[str, Any] = {}
    blocks: dict[Any, dict[str, Any]] = {}

    def np_dtype(kind: Any) -> Any:
        name = kind.scalar.name
        if name not in numpy_types:
            numpy_types[name] = numpy_type(kind)
        return numpy_types[name]

    def block_type(self: Any, element_ty: Any, shape: Any) -> None:
        key = (element_ty.name, *[getattr(n, "value", n) for n in shape])
        if key not in blocks:
            make_block(self, element_ty, shape)
            blocks[key] = dict(vars(self))
        vars(self).update(blocks[key])

    constant = cache(core.constexpr)
    shape_of = cache(lambda shape: core.tuple([constant(n) for n in shape]))

    def tensor(self: Any, handle: Any, type: Any) -> None:
        self.handle, self.type, self.dtype = handle, type, type.scalar
        shape = tuple(type.shape) if type.is_block() else ()
        self.numel, self.shape = constant(math.prod(shape)), shape_of(shape)

    patch.setattr(interpreter, "_get_np_dtype", np_dtype)
    patch.setattr(core.block_type, "__init__", block_type)
    patch.setattr(core.tensor, "__init__", tensor)


def _nothing_to_broadcast(patch: pytest.MonkeyPatch) -> None:
    """Two scalars, and two blocks of one shape, are what broadcasting makes of them."""
    semantic = importlib.import_module("triton.language.semantic").TritonSemantic
    broadcast = semantic.broadcast_impl_value

    def broadcast_impl_value(self: Any, lhs: Any, rhs: Any) -> Any:
        if lhs.type.is_block() == rhs.type.is_block() and lhs.shape is rhs.shape:
            return lhs, rhs  # one shape is one object: see `_types_once`
        return broadcast(self, lhs, rhs)

    patch.setattr(semantic, "broadcast_impl_value", broadcast_impl_value)
