"""Makes whatever Python lets through, and no other language would, the error that all of them share.

UniFFI refuses a value of a wrong type before the engine sees it, by whichever of Python's exceptions it meets first. Here each
call of the library says ``misuse.type`` instead.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable

from ._native import undertone_ffi as _native


def _checked(call: Callable[..., Any]) -> Callable[..., Any]:
    """The call, with an error of this package for arguments that do not fit."""

    @functools.wraps(call)
    def checked(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise _native.UndertoneError.Misuse("misuse.type", f"{call.__name__}: {error}") from error

    return checked


def _check(owner: Any, name: str, member: Any) -> None:
    if isinstance(member, classmethod):
        setattr(owner, name, classmethod(_checked(member.__func__)))
    elif inspect.isfunction(member):
        setattr(owner, name, _checked(member))


for _name in getattr(_native, "__all__"):
    _exported = getattr(_native, _name)
    if hasattr(_exported, "_uniffi_make_instance"):
        # An object: its methods and constructors, and nothing of UniFFI's own.
        for _member in [member for member in vars(_exported) if member == "__init__" or not member.startswith("_")]:
            _check(_exported, _member, vars(_exported)[_member])
    else:
        _check(_native, _name, _exported)
