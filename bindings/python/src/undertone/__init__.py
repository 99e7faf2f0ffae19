"""Undertone: the whole brain of a chat client.

:class:`Undertone` is a device of a user in a program with asyncio: conversations, roles, end-to-end encryption, receipts and
the offline queue, in an encrypted store. :class:`Engine` is the same without an event loop, for programs that bring their own.
"""

from __future__ import annotations

from . import _checked as _checked
from . import _content as _content
from . import _stream as _stream
from ._ids import CallId as CallId
from ._ids import ConversationId as ConversationId
from ._ids import DeliveryId as DeliveryId
from ._ids import DeviceId as DeviceId
from ._ids import MessageId as MessageId
from ._ids import MessageKey as MessageKey
from ._ids import RequestId as RequestId
from ._ids import Role as Role
from ._ids import SubscriptionId as SubscriptionId
from ._ids import TransmitId as TransmitId
from ._ids import UserId as UserId
from ._library import check_library as _check_library
from ._time import FOREVER as FOREVER
from ._native.undertone_ffi import *  # noqa: F403
from ._native.undertone_ffi import Message, MessageRef
from .blobs import Blobs as Blobs
from .blobs import FolderBlobs as FolderBlobs
from .driver import Certify as Certify
from .driver import Undertone as Undertone
from .transport import Fallback as Fallback
from .transport import Link as Link
from .transport import MailboxPage as MailboxPage
from .transport import Refused as Refused
from .transport import Transport as Transport

_check_library()


def ref(message: Message) -> MessageRef:
    """A message by its author and id, as calls that are about a message take it."""
    return MessageRef(author=message.author, id=message.id)
