"""A fixture for pytest, which finds this module by the package's entry point: a network that is new for each test."""

from __future__ import annotations

from typing import Iterator

import pytest

from .network import Network


@pytest.fixture
def undertone_network() -> Iterator[Network]:
    """A :class:`undertone.testing.Network` of one test: use it with ``async with``."""
    yield Network()
