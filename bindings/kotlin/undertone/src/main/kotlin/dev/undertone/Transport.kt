package dev.undertone

/** The relay does not let this device in, and connecting again would not help. [code] is a stable name. */
public class RefusedException(public val code: String) : Exception(code)

/** A page of what waits in a device's mailbox. */
public class MailboxPage(
    /** The envelopes, oldest first. */
    public val deliveries: List<Delivery>,
    /** Where it goes on; `null` at the mailbox's end. */
    public val next: DeliveryId?,
)

/** What a transport tells the engine, while it is connected. */
public interface Link {
    /** This device's certificate, for a login. */
    public suspend fun certificate(): ByteArray

    /** Signs a relay's challenge of 32 bytes. */
    public suspend fun answerChallenge(challenge: ByteArray): ByteArray

    /** This device is logged in: the engine begins to send and to ask. */
    public suspend fun connected(login: Login)

    /** Envelopes came. */
    public suspend fun received(deliveries: List<Delivery>)

    /** More waits in the mailbox than comes by itself. */
    public suspend fun mailWaiting()

    /** A device of a user came or went. */
    public suspend fun directoryChanged(user: UserId)

    /** The authority has a newer list of revoked certificates. */
    public suspend fun revoked(list: ByteArray)
}

/**
 * How a device speaks to its relay. [FrameTransport] speaks to the reference relay.
 *
 * Whatever throws, or is given up because a connection ended, is tried again by the engine: nothing is lost, and nothing is
 * sent twice to anybody. Calls overlap; put on the wire what they hand over in the order in which they are made.
 */
public interface Transport {
    /**
     * Connects, logs in, tells [link] what comes, and returns or throws when the connection has ended. It is run anew after a
     * while, unless it throws [RefusedException].
     */
    public suspend fun run(link: Link)

    /** Stores envelopes, together or not at all. */
    public suspend fun send(envelopes: List<ByteArray>): TransmitResult

    /** These are durable on the device: the relay may forget them. */
    public suspend fun acknowledge(deliveries: List<DeliveryId>)

    /** A page of the mailbox behind a position. */
    public suspend fun fetch(since: DeliveryId): MailboxPage

    /** Answers [Request.LookUp], [Request.Publish] and [Request.Slot]. */
    public suspend fun directory(request: Request): Answer
}

/** Storage of encrypted files: any storage of objects will do. It sees sizes, and nothing else of them. */
public interface Blobs {
    /** Stores bytes of an object from [start] on; the same ones may come twice. */
    public suspend fun put(name: String, start: ULong, data: ByteArray)

    /** The object is whole: where others find it. It is part of the message, at most 1,024 bytes. */
    public suspend fun location(name: String): String

    /** Bytes of an object. */
    public suspend fun get(location: String, start: ULong, end: ULong): ByteArray
}
