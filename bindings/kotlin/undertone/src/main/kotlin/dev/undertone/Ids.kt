package dev.undertone

/** A user: a text that the platform chooses, 1 to 128 bytes of UTF-8. */
@JvmInline
public value class UserId(public val name: String)

/** A role by its name in the policy, like `client`. */
@JvmInline
public value class Role(public val name: String)

/** A conversation: for two users the same on every device. 32 hexadecimal digits. */
@JvmInline
public value class ConversationId(public val hex: String)

/** A message, as its author named it. 32 hexadecimal digits. */
@JvmInline
public value class MessageId(public val hex: String)

/** A device: one engine of one user. 32 hexadecimal digits. */
@JvmInline
public value class DeviceId(public val hex: String)

/** A call, as its caller named it. 32 hexadecimal digits. */
@JvmInline
public value class CallId(public val hex: String)

/** A message's place: keys of one conversation sort in the order of its messages. */
@JvmInline
public value class MessageKey(public val hex: String) : Comparable<MessageKey> {
    override fun compareTo(other: MessageKey): Int = hex.compareTo(other.hex)
}

/** Number of a transmit of this device; 0 for what is of use only at once. */
@JvmInline
public value class TransmitId(public val number: ULong)

/** Number of a request of this device. */
@JvmInline
public value class RequestId(public val number: ULong)

/** Position of a delivery in this device's mailbox. */
@JvmInline
public value class DeliveryId(public val number: ULong)

/** Names a subscription of an engine. */
@JvmInline
public value class SubscriptionId(public val number: ULong)

/** A message by its author and id, as calls that are about a message take it. */
public val Message.reference: MessageRef
    get() = MessageRef(author, id)
