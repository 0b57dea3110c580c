"""Sixteen int32 at once, with 64-bit products; for compiled loops that must not depend on luck.

A loop over int32 that multiplies in int64 is widened by the compiler: every number is converted to
64 bits and back, and half the time goes into that. A processor multiplies the even numbers of a
vector as they lie, and the odd ones after one shift; the products join with two shifts and a blend.
LLVM knows these vectors on every target, and cuts them in two where registers are narrower.

    Words    sixteen int32, at any place of an int32 array
    Longs    eight int64: the even or the odd ones of Words, or sums of their products
    Mask     sixteen truth values
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models, register_default
from numba.extending import intrinsic

from bioplastic.quantize.fixed_point import PROPAGATOR

LANES = 16
_primitive: Any = intrinsic
_BIT, _WORD, _LONG = ir.IntType(1), ir.IntType(32), ir.IntType(64)


class _Lanes(types.Type):
    """A numba type that is one LLVM vector."""

    def __init__(self, name: str, vector: Any) -> None:
        self.vector = vector
        super().__init__(name=name)


@register_default(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, fe_type.vector)


_WORDS, _LONGS = ir.VectorType(_WORD, LANES), ir.VectorType(_LONG, LANES // 2)
Words, Longs = _Lanes("Words", _WORDS), _Lanes("Longs", _LONGS)
Mask = _Lanes("Mask", ir.VectorType(_BIT, LANES))


def _splat(builder: Any, value: Any, vector: Any) -> Any:
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.Constant(_WORD, 0))
    order = ir.Constant(ir.VectorType(_WORD, vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, order)


def _shift(bits: int) -> Any:
    return ir.Constant(_LONGS, [bits] * _LONGS.count)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any, vector: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), vector.as_pointer())


@_primitive
def load(typing: Any, array: Any, at: Any) -> Any:
    """array[at : at + 16] of an int32 array, array[at : at + 8] of an int64 array."""
    found = Longs if array.dtype == types.int64 else Words

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, array, args[0], args[1], found.vector)
        value = builder.load(pointer)
        value.align = array.dtype.bitwidth // 8
        return value

    return found(array, types.uint64), generate


@_primitive
def store(typing: Any, array: Any, at: Any, words: Any) -> Any:
    """array[at : at + 16] = words."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, array, args[0], args[1], _WORDS)
        builder.store(args[2], pointer, align=4)
        return context.get_dummy_value()

    return types.void(array, types.uint64, Words), generate


@_primitive
def words(typing: Any, value: Any) -> Any:
    """Sixteen times an int32."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _splat(builder, args[0], _WORDS)

    return Words(types.int32), generate


@_primitive
def longs(typing: Any, value: Any) -> Any:
    """Eight times an int64."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _splat(builder, args[0], _LONGS)

    return Longs(types.int64), generate


@_primitive
def evens(typing: Any, of: Any) -> Any:
    """Words 0, 2, 4, … in 64 bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pairs = builder.bitcast(args[0], _LONGS)
        return builder.ashr(builder.shl(pairs, _shift(32)), _shift(32))

    return Longs(Words), generate


@_primitive
def odds(typing: Any, of: Any) -> Any:
    """Words 1, 3, 5, … in 64 bits."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ashr(builder.bitcast(args[0], _LONGS), _shift(32))

    return Longs(Words), generate


@_primitive
def add_product(typing: Any, total: Any, of: Any, factor: Any) -> Any:
    """total + of·factor for evens or odds and an int32."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        factor = _splat(builder, builder.sext(args[2], _LONG), _LONGS)
        return builder.add(args[0], builder.mul(args[1], factor))

    return Longs(Longs, Longs, types.int32), generate


@_primitive
def join(typing: Any, even: Any, odd: Any) -> Any:
    """Words (even >> 30, odd >> 30, …): Q30 sums of the even and odd words, in their order."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        low = builder.bitcast(builder.lshr(args[0], _shift(PROPAGATOR)), _WORDS)
        high = builder.bitcast(builder.shl(args[1], _shift(32 - PROPAGATOR)), _WORDS)
        order = [k + LANES if k & 1 else k for k in range(LANES)]
        return builder.shuffle_vector(low, high, ir.Constant(_WORDS, order))

    return Words(Longs, Longs), generate


@_primitive
def greater(typing: Any, one: Any, other: Any) -> Any:
    """one > other."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.icmp_signed(">", args[0], args[1])

    return Mask(Words, Words), generate


@_primitive
def select(typing: Any, where: Any, one: Any, other: Any) -> Any:
    """`one` where the mask is true, else `other`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(*args)

    return Words(Mask, Words, Words), generate


@_primitive
def differences(typing: Any, found: Any, one: Any, other: Any) -> Any:
    """found | (one ^ other)."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.or_(args[0], builder.xor(args[1], args[2]))

    return Words(Words, Words, Words), generate


@_primitive
def bits(typing: Any, mask: Any, but: Any) -> Any:
    """The mask where `but` is false as a number: bit k is word k."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        left = builder.and_(args[0], builder.not_(args[1]))
        return builder.zext(builder.bitcast(left, ir.IntType(LANES)), _WORD)

    return types.uint32(Mask, Mask), generate


@_primitive
def some(typing: Any, of: Any) -> Any:
    """Whether any of a mask is true, or any of sixteen words is not zero."""
    number = ir.IntType(LANES * (1 if of is Mask else 32))

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = builder.bitcast(args[0], number)
        return builder.icmp_unsigned("!=", whole, ir.Constant(number, 0))

    return types.boolean(of), generate


@_primitive
def prefetch(typing: Any, array: Any, at: Any) -> Any:
    """Ask for the cache line of array[at], which will be read soon; reads nothing."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(array)(context, builder, args[0]).data
        place = builder.bitcast(builder.gep(data, [args[1]]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, _WORD, _WORD, _WORD])
        ask = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        read, near, data_cache = (ir.Constant(_WORD, k) for k in (0, 3, 1))
        builder.call(ask, [place, read, near, data_cache])
        return context.get_dummy_value()

    return types.void(array, types.uint64), generate
