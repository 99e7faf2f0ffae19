"""The library that this package was made for."""

from __future__ import annotations

from ._native.undertone_ffi import UndertoneError, abi_version

_ABI = 1


def check_library(expected: int = _ABI) -> None:
    """Refuses a library with another interface than the one that this package was written for."""
    found = abi_version()
    if found != expected:
        raise UndertoneError.Misuse(
            "misuse.library",
            f"this package was made for version {expected} of its library, which is {found}: install both together",
        )
