"""Identifiers, each a type of its own for a type checker, and a plain value when the program runs."""

from typing import NewType

UserId = NewType("UserId", str)
"""A user: a text that the platform chooses, 1 to 128 bytes of UTF-8."""
Role = NewType("Role", str)
"""A role by its name in the policy, like ``client``."""
ConversationId = NewType("ConversationId", str)
"""A conversation: for two users the same on every device. 32 hexadecimal digits."""
MessageId = NewType("MessageId", str)
"""A message, as its author named it. 32 hexadecimal digits."""
DeviceId = NewType("DeviceId", str)
"""A device: one engine of one user. 32 hexadecimal digits."""
CallId = NewType("CallId", str)
"""A call, as its caller named it. 32 hexadecimal digits."""
MessageKey = NewType("MessageKey", str)
"""A message's place. Keys of one conversation sort as their texts do."""
TransmitId = NewType("TransmitId", int)
"""Number of a transmit of this device."""
RequestId = NewType("RequestId", int)
"""Number of a request of this device."""
DeliveryId = NewType("DeliveryId", int)
"""Position of a delivery in this device's mailbox."""
SubscriptionId = NewType("SubscriptionId", int)
"""Names a subscription of an engine."""
