/// A value with words, files or keys in it, of which neither a log nor a debugger shows anything.
///
/// It is no `CustomStringConvertible`, for values may have a `description` of their own.
public protocol Discreet: TextOutputStreamable, CustomDebugStringConvertible, CustomReflectable {
    /// What it says of itself.
    var discreetly: String { get }
}

extension Discreet {
    public func write(to target: inout some TextOutputStream) { target.write(discreetly) }
    public var debugDescription: String { discreetly }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
