"""Names and expressions of a Brian2 object: resolved as Brian2's run does, as sympy and as numbers.

The only place of the reader that evaluates code of a model; what it evaluates went through Brian2's
own parser, which knows arithmetic, comparisons and calls of functions and nothing else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import sympy
from brian2 import TimedArray
from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
from brian2.core.variables import Subexpression
from brian2.equations.equations import SUBEXPRESSION
from brian2.parsing.sympytools import str_to_sympy, sympy_to_str
from sympy.core.function import AppliedUndef

from bioplastic.errors import UnsupportedModel

Expr = Any  # sympy has no types
CLOCK = ("t", "t_in_timesteps")
SWITCH = "int_"  # what Brian2 calls int() in sympy


def refuse(owner: str, line: object, reason: str) -> UnsupportedModel:
    """The one form of every refusal: object, line of its code, reason."""
    shown = " ".join(str(line).split())
    return UnsupportedModel(f"{owner}: {shown!r}: {reason}" if shown else f"{owner}: {reason}")


def symbol(name: str) -> Expr:
    """The symbol that Brian2's parser makes of a name."""
    positive = {"positive": True} if name in ("t", "dt") else {}
    return sympy.Symbol(name, real=True, **positive)


@dataclass(frozen=True)
class Statement:
    """One assignment: ``target operator value``, operator one of = += -= *= /=."""

    target: str
    operator: str
    value: str
    line: str


def statements(owner: str, code: str) -> list[Statement]:
    """The assignments of a piece of Brian2 code, in order; comments are gone.

    Lines end at line breaks and semicolons and may be indented at will, as in Brian2.
    """
    found = []
    try:
        lines = [ast.parse(part.strip()).body for part in re.split(r"[;\n]", code)]
    except SyntaxError:
        raise refuse(owner, code, "is not a list of assignments") from None
    for node in chain.from_iterable(lines):
        line = ast.unparse(node)
        signs = {ast.Add: "+=", ast.Sub: "-=", ast.Mult: "*=", ast.Div: "/="}
        if isinstance(node, ast.AugAssign) and type(node.op) in signs:
            target, sign = node.target, signs[type(node.op)]
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, sign = node.targets[0], "="  # type: ignore[assignment]
        else:
            raise refuse(owner, line, "is not an assignment that this reader knows")
        if not isinstance(target, ast.Name) or node.value is None:
            raise refuse(owner, line, "does not assign to a variable")
        found.append(Statement(target.id, sign, ast.unparse(node.value), line))
    return found


class Scope:
    """What the names in the code of one Brian2 group mean.

    group       NeuronGroup, PoissonGroup or Synapses           names   the namespace of the run
    moving      variables, by identity, whose present value is no constant
    """

    def __init__(self, group: Any, names: Mapping[str, Any], moving: Collection[int] = ()) -> None:
        self.group, self.names, self.owner = group, names, str(group.name)
        self.moving = moving
        equations = getattr(group, "user_equations", {})
        # "constant over dt": Brian2 keeps them as parameters, updated before the step
        self.frozen = {
            eq.varname: eq.expr.code
            for eq in equations.values()
            if eq.type == SUBEXPRESSION and "constant over dt" in eq.flags
        }

    def resolve(self, name: str, line: object) -> Any:
        """The Brian2 variable, constant or function of that name."""
        try:
            return self.group._resolve(name, self.names, user_identifier=False)
        except KeyError:
            raise refuse(self.owner, line, f"the name {name!r} cannot be resolved") from None

    def parse(
        self,
        text: str,
        line: object = "",
        *,
        frozen: bool = True,
        known: Mapping[str, Expr] | None = None,
    ) -> Expr:
        """`text` as sympy with all subexpressions put in.

        frozen   those constant over dt, too         known   values of local names
        """
        line = line or text
        try:
            expression = str_to_sympy(text)
        except (SyntaxError, NotImplementedError, TypeError) as error:
            raise refuse(self.owner, line, f"cannot be parsed ({error})") from None
        self._check_functions(expression, line)
        inner = {}
        for name in free_names(expression):
            if name in (known or {}):
                inner[symbol(name)] = (known or {})[name]
            elif name in self.frozen:
                if frozen:
                    inner[symbol(name)] = self.parse(self.frozen[name], line)
            elif isinstance(found := self.group.variables.get(name), Subexpression):
                if found.owner is not None and found.owner.name != self.owner:
                    raise refuse(self.owner, line, f"{name!r} is a subexpression of another object")
                inner[symbol(name)] = self.parse(found.expr, line, frozen=frozen)
        return expression.subs(inner) if inner else expression

    def _check_functions(self, expression: Expr, line: object) -> None:
        for call in expression.atoms(sympy.Function):
            name = type(call).__name__
            if name == SWITCH or not isinstance(call, AppliedUndef):
                continue
            found = self.resolve(name, line)
            if isinstance(found, TimedArray):
                raise refuse(self.owner, line, f"a TimedArray, {name}, drives it")
            if name in ("rand", "randn", "poisson"):
                raise refuse(self.owner, line, f"{name}() draws anew in every step")
            if name not in DEFAULT_FUNCTIONS:
                raise refuse(self.owner, line, f"{name} is a function of the user")

    def value(self, expression: Expr, line: object) -> np.ndarray:
        """The number, or one number per neuron or synapse, of an expression without states."""
        space: dict[str, Any] = {name: f.pyfunc for name, f in DEFAULT_FUNCTIONS.items()}
        space |= {name: c.value for name, c in DEFAULT_CONSTANTS.items()}
        expression = sympy.sympify(expression)
        for name in free_names(expression):
            if name in (*CLOCK, "lastspike", "not_refractory", "lastupdate"):
                raise refuse(self.owner, line, f"depends on {name}")
            space[name] = self._number(name, line)
        try:
            text = sympy_to_str(expression)
            result = np.asarray(eval(text, {"__builtins__": {}}, space), dtype=float)
        except Exception as error:  # what a model may write has no end
            raise refuse(self.owner, line, f"cannot be evaluated ({error})") from None
        if not np.all(np.isfinite(result)):
            raise refuse(self.owner, line, "is not finite")
        return result

    def _number(self, name: str, line: object) -> Any:
        found = self.resolve(name, line)
        if id(found) in self.moving:
            raise refuse(self.owner, line, f"depends on {name}, which moves")
        if hasattr(found, "pyfunc"):
            raise refuse(self.owner, line, f"{name} is a function, not a number")
        if name in self.group.variables and not found.scalar:
            return np.asarray(getattr(self.group, f"{name}_")[:])
        return np.asarray(found.get_value()).reshape(-1)[0] if found.array else found.get_value()

    def one(self, expression: Expr, line: object, what: str) -> float:
        """The same for all neurons or synapses, as one float; refused when they differ."""
        values = np.unique(self.value(expression, line))
        if len(values) != 1:
            kinds = "synapses" if hasattr(self.group, "_pathways") else "neurons"
            reason = f"{what} differs between {kinds}" if len(values) else f"{what}: no {kinds}"
            raise refuse(self.owner, line, reason)
        return float(values[0])


def free_names(expression: Expr) -> set[str]:
    """Names of the variables in an expression."""
    return {s.name for s in getattr(expression, "free_symbols", ())}


def monomials(expression: Expr, states: Iterable[str]) -> dict[tuple[str, ...], Expr] | None:
    """The expression as a polynomial in the states: monomial, its states sorted -> coefficient.

    None when it is no polynomial in them.
    """
    symbols = {symbol(name) for name in states}
    total: dict[tuple[str, ...], Expr] = {}
    options = {"power_base": False, "power_exp": False, "log": False}
    for term in sympy.Add.make_args(sympy.sympify(expression).expand(**options)):
        factors: list[str] = []
        rest = sympy.Integer(1)
        for factor in sympy.Mul.make_args(term):
            if not factor.free_symbols & symbols:
                rest = rest * factor
                continue
            base, power = factor.as_base_exp()
            if base not in symbols or not power.is_Integer or power < 0:
                return None
            factors += [base.name] * int(power)
        key = tuple(sorted(factors))
        total[key] = total.get(key, sympy.Integer(0)) + rest
    return {k: c for k, c in total.items() if c != 0}
