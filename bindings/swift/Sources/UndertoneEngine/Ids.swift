// Identifiers, each a type of its own.

/// A conversation: for two users the same on every device. 32 hexadecimal digits.
public struct ConversationId: Hashable, Sendable, Codable {
    /// Its bytes in hexadecimal digits.
    public let hex: String

    /// From hexadecimal digits.
    public init(hex: String) { self.hex = hex }
}

/// A message, as its author named it. 32 hexadecimal digits.
public struct MessageId: Hashable, Sendable, Codable {
    /// Its bytes in hexadecimal digits.
    public let hex: String

    /// From hexadecimal digits.
    public init(hex: String) { self.hex = hex }
}

/// A device: one engine of one user. 32 hexadecimal digits.
public struct DeviceId: Hashable, Sendable, Codable {
    /// Its bytes in hexadecimal digits.
    public let hex: String

    /// From hexadecimal digits.
    public init(hex: String) { self.hex = hex }
}

/// A call, as its caller named it. 32 hexadecimal digits.
public struct CallId: Hashable, Sendable, Codable {
    /// Its bytes in hexadecimal digits.
    public let hex: String

    /// From hexadecimal digits.
    public init(hex: String) { self.hex = hex }
}

/// A message's place: keys of one conversation sort in the order of its messages.
public struct MessageKey: Hashable, Sendable, Codable, Comparable {
    /// Its bytes in hexadecimal digits.
    public let hex: String

    /// From hexadecimal digits.
    public init(hex: String) { self.hex = hex }

    public static func < (one: MessageKey, other: MessageKey) -> Bool { one.hex < other.hex }
}

/// A user: a text that the platform chooses, 1 to 128 bytes of UTF-8.
public struct UserId: Hashable, Sendable, Codable {
    /// The text.
    public let name: String

    /// From the text.
    public init(_ name: String) { self.name = name }
}

/// A role by its name in the policy, like `client`.
public struct Role: Hashable, Sendable, Codable {
    /// The text.
    public let name: String

    /// From the text.
    public init(_ name: String) { self.name = name }
}

/// Number of a transmit of this device; 0 for what is of use only at once.
public struct TransmitId: Hashable, Sendable, Codable {
    /// The number.
    public let number: UInt64

    /// From the number.
    public init(number: UInt64) { self.number = number }
}

/// Number of a request of this device.
public struct RequestId: Hashable, Sendable, Codable {
    /// The number.
    public let number: UInt64

    /// From the number.
    public init(number: UInt64) { self.number = number }
}

/// Position of a delivery in this device's mailbox.
public struct DeliveryId: Hashable, Sendable, Codable {
    /// The number.
    public let number: UInt64

    /// From the number.
    public init(number: UInt64) { self.number = number }
}

/// Names a subscription of an engine.
public struct SubscriptionId: Hashable, Sendable, Codable {
    /// The number.
    public let number: UInt64

    /// From the number.
    public init(number: UInt64) { self.number = number }
}
