import Foundation
import UndertoneEngine

/// The relay does not let this device in, and connecting again would not help, unless perhaps with another certificate: a chat
/// that has `Services.certify` asks for one, and connects again. `code` is a stable name.
public struct Refused: Error, Sendable {
    /// A stable name, like `login.revoked`.
    public let code: String

    /// A refusal for a reason by its stable name.
    public init(code: String) { self.code = code }
}

/// The connection has ended, or was never there.
public struct Disconnected: Error, Sendable {
    /// Why, as a stable name.
    public let code: String

    /// An end of a connection, for a reason if there is one to name.
    public init(code: String = "disconnected") { self.code = code }
}

/// A page of what waits in a device's mailbox.
public struct MailboxPage: Sendable {
    /// The envelopes, oldest first.
    public let deliveries: [Delivery]
    /// Where it goes on; `nil` at the mailbox's end.
    public let next: DeliveryId?

    /// A page, and where it goes on.
    public init(deliveries: [Delivery], next: DeliveryId?) {
        self.deliveries = deliveries
        self.next = next
    }
}

/// What a transport tells the engine, while it is connected.
public protocol Link: Sendable {
    /// This device's certificate, for a login.
    func certificate() async throws -> Data
    /// Signs a relay's challenge of 32 bytes.
    func answer(challenge: Data) async throws -> Data
    /// This device is logged in: the engine begins to send and to ask.
    func connected(_ login: Login) async throws
    /// Envelopes came.
    func received(_ deliveries: [Delivery]) async throws
    /// More waits in the mailbox than comes by itself.
    func mailWaiting() async throws
    /// A device of a user came or went.
    func directoryChanged(_ user: UserId) async throws
    /// The authority has a newer list of revoked certificates.
    func revoked(_ list: Data) async throws
}

/// How a device speaks to its relay. `FrameTransport` speaks to the reference relay.
///
/// Whatever throws, or is given up because a connection ended, is tried again by the engine: nothing is lost, and nothing is
/// sent twice to anybody. Calls overlap, but for those of `send`.
public protocol Transport: Sendable {
    /// Connects, logs in, tells `link` what comes, and returns or throws when the connection has ended, or soon after its task
    /// was cancelled. It is run anew after a while; if it throws `Refused`, with another certificate or not at all.
    func run(_ link: any Link) async throws
    /// Stores envelopes, together or not at all. It returns when they are on the wire behind those of the calls before, and is
    /// called again only then; the task that it returns ends with the relay's answer, so that many can be under way.
    func send(_ envelopes: [Data]) async throws -> Task<TransmitResult, any Error>
    /// These are durable on the device: the relay may forget them.
    func acknowledge(_ deliveries: [DeliveryId]) async throws
    /// A page of the mailbox behind a position.
    func fetch(since: DeliveryId) async throws -> MailboxPage
    /// Answers `Request.lookUp`, `.publish` and `.slot`.
    func directory(_ request: Request) async throws -> Answer
}

/// Storage of encrypted files: any storage of objects will do. It sees sizes, and nothing else of them.
public protocol Blobs: Sendable {
    /// Stores bytes of an object from `start` on; the same ones may come twice.
    func put(_ name: String, start: UInt64, data: Data) async throws
    /// The object is whole: where others find it. It is part of the message, at most 1,024 bytes.
    func location(_ name: String) async throws -> String
    /// Bytes of an object.
    func get(_ location: String, start: UInt64, end: UInt64) async throws -> Data
}

/// What a platform does beside its relay. All of it is optional.
public struct Services: Sendable {
    /// The platform's server: gives the certificate for an enrolment request.
    public var certify: (@Sendable (Data) async throws -> Data)?
    /// Where encrypted files are.
    public var blobs: (any Blobs)?
    /// Tells a user by another channel that messages wait (a `Request.fallback`); true when the platform has taken it over.
    public var fallback: (@Sendable (Request) async throws -> Bool)?

    /// Services, as far as the platform has them.
    public init(
        certify: (@Sendable (Data) async throws -> Data)? = nil,
        blobs: (any Blobs)? = nil,
        fallback: (@Sendable (Request) async throws -> Bool)? = nil
    ) {
        self.certify = certify
        self.blobs = blobs
        self.fallback = fallback
    }
}
