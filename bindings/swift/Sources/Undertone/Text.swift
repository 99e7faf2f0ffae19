import Foundation
@_exported import UndertoneEngine

extension Message {
    /// This message by its author and id, as calls that are about a message take it.
    public var reference: MessageRef { MessageRef(author: author, id: id) }

    /// What it says in words: its text, or the caption of its file; `nil` when it is something else.
    public var text: String? {
        switch content {
        case .text(let text): text
        case .attachment(let attachment): attachment.caption
        default: nil
        }
    }
}

extension TextRange {
    /// The part of a text that this range stands for, as Swift counts: the engine counts bytes of UTF-8. `nil` when it is of
    /// another text.
    public func within(_ text: String) -> Range<String.Index>? {
        let bytes = text.utf8
        guard let from = bytes.index(bytes.startIndex, offsetBy: Int(start), limitedBy: bytes.endIndex),
            let to = bytes.index(bytes.startIndex, offsetBy: Int(end), limitedBy: bytes.endIndex), from <= to
        else { return nil }
        return from..<to
    }

    /// A part of a text as the engine counts it, for a mention for instance.
    public init(_ part: Range<String.Index>, of text: String) {
        let start = text.utf8.distance(from: text.startIndex, to: part.lowerBound)
        self.init(start: UInt32(start), end: UInt32(start + text[part].utf8.count))
    }
}

extension UndertoneError {
    /// A stable name that all languages share, like `misuse.unknown_message`.
    public var code: String {
        switch self {
        case .Misuse(let code, _), .Peer(let code, _), .Store(let code, _), .Bug(let code, _): code
        case .Denied(let code, _, _): code
        }
    }

    /// What is wrong and what to do, in English; of what is denied, why, as a button can show it.
    public var text: String {
        switch self {
        case .Misuse(_, let text), .Peer(_, let text), .Store(_, let text), .Bug(_, let text): text
        case .Denied(_, let text, _): text
        }
    }
}
