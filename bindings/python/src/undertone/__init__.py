"""Undertone: the whole brain of a chat client.

:class:`Undertone` is a device of a user in a program with asyncio: conversations, roles, end-to-end encryption, receipts and
the offline queue, in an encrypted store. :class:`Engine` is the same without an event loop, for programs that bring their own.
"""

from __future__ import annotations

from . import text
from ._ids import (
    CallId,
    ConversationId,
    DeliveryId,
    DeviceId,
    MessageId,
    MessageKey,
    RequestId,
    Role,
    SubscriptionId,
    TransmitId,
    UserId,
)
from ._time import FOREVER
from .undertone_ffi import *  # noqa: F403
from .undertone_ffi import Message, MessageRef
from .undertone_ffi import abi_version as _abi_version
from .blobs import Blobs, FolderBlobs
from .driver import Certify, Undertone
from .transport import Fallback, Link, MailboxPage, Refused, Transport

_ABI = 1
if _abi_version() != _ABI:
    raise ImportError(
        f"this package was made for version {_ABI} of its library, which is {_abi_version()}: install both together"
    )


def ref(message: Message) -> MessageRef:
    """A message by its author and id, as calls that are about a message take it."""
    return MessageRef(author=message.author, id=message.id)
