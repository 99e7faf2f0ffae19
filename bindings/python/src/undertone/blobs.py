"""Where encrypted files are: any storage of objects will do."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Protocol, Union

__all__ = ["Blobs", "FolderBlobs"]


class Blobs(Protocol):
    """Storage of encrypted files. It sees sizes, and nothing else of them."""

    async def put(self, name: str, start: int, data: bytes) -> None:
        """Stores bytes of an object from ``start`` on; the same ones may come twice."""

    async def location(self, name: str) -> str:
        """The object is whole: where others find it. It is part of the message, at most 1,024 bytes."""

    async def get(self, location: str, start: int, end: int) -> bytes:
        """Bytes of an object."""


class FolderBlobs:
    """Objects as files of a folder: for tests, and for a folder that several machines share."""

    def __init__(self, folder: Union[str, Path]) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)

    async def put(self, name: str, start: int, data: bytes) -> None:
        """Writes bytes into the object's file."""
        await asyncio.to_thread(self._put, name, start, data)

    async def location(self, name: str) -> str:
        """The name itself."""
        return name

    async def get(self, location: str, start: int, end: int) -> bytes:
        """Reads bytes of the object's file."""
        return await asyncio.to_thread(self._get, location, start, end)

    def _put(self, name: str, start: int, data: bytes) -> None:
        file = os.open(self._file(name), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.pwrite(file, data, start)
        finally:
            os.close(file)

    def _get(self, location: str, start: int, end: int) -> bytes:
        with self._file(location).open("rb") as file:
            file.seek(start)
            return file.read(end - start)

    def _file(self, name: str) -> Path:
        # A location comes from a message: it names no file outside this folder.
        if not name or "/" in name or "\\" in name or name.startswith("."):
            raise ValueError("that is no object of this folder")
        return self._folder / name
