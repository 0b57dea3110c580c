"""How a group integrates its equations: the method named, or the one that Brian2 would choose."""

from __future__ import annotations

from typing import Any

from brian2.stateupdaters.base import StateUpdateMethod, UnsupportedEquationsException

from bioplastic.description import Exact, Taylor
from bioplastic.simulate.read_scope import Scope, refuse

# without noise, Brian2's heun and milstein move the drift as Euler does
ORDERS = {"euler": 1, "heun": 1, "milstein": 1, "rk2": 2, "rk4": 4}
EXACT = ("exact", "linear", "independent")
KNOWN = (*EXACT, *ORDERS, "exponential_euler")


def method_of(group: Any, scope: Scope) -> str:
    """Name of the method; of a list, the first that Brian2 accepts for these equations."""
    choice = group.method_choice
    options = group.state_updater.method_options or {}
    if set(options) - {"simplify"}:
        raise refuse(group.name, f"method_options={options}", "no such option is supported")
    registry = StateUpdateMethod.stateupdaters
    if isinstance(choice, (list, tuple)):
        name = _first(group, scope, [str(m) for m in choice])
    elif isinstance(choice, str):
        name = choice.lower()
    else:
        name = next((n for n, m in registry.items() if m is choice), repr(choice))
    if name not in KNOWN:
        raise refuse(group.name, f"method={name!r}", f"is not one of {', '.join(KNOWN)}")
    return name


def _first(group: Any, scope: Scope, choices: list[str]) -> str:
    names = group.equations.names | group.equations.identifiers | {"dt"}
    variables = {name: scope.resolve(name, f"method={choices}") for name in names}
    for name in choices:
        try:
            StateUpdateMethod.stateupdaters[name.lower()](group.equations, variables)
        except (UnsupportedEquationsException, KeyError):
            continue
        return name.lower()
    raise refuse(group.name, f"method={choices}", "Brian2 finds none of them suitable")


def linear_integrator(group: Any, method: str, coupled: str, switched: str) -> Exact | Taylor:
    """The integrator of a linear system.

    coupled    an equation in which another state appears, or ''
    switched   an equation that switches with t, or ''
    """
    if method == "exponential_euler":
        if coupled:
            raise refuse(group.name, coupled, "under exponential_euler the other states stand "
                         "still for a step, which is not the exact step of the system; use "
                         "method='exact' or 'euler'")  # fmt: skip
        if switched:
            raise refuse(group.name, switched, "depends on t under exponential_euler; use 'euler'")
        return Exact()
    if method in EXACT:
        if switched:
            raise refuse(group.name, switched, f"depends on t, which method={method!r} cannot do")
        if method == "independent" and coupled:
            raise refuse(group.name, coupled, "method='independent' takes no coupled equations")
        return Exact()
    if switched and ORDERS[method] > 1:
        raise refuse(group.name, switched, f"depends on t between the stages of {method}")
    return Taylor(order=ORDERS[method])
