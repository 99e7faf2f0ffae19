import UndertoneEngine

/// Refuses a library with another interface than the one that this module was written for.
func checkLibrary(expected: UInt32 = 1) throws {
    let found = abiVersion()
    guard found != expected else { return }
    throw UndertoneError.Misuse(
        code: "misuse.library",
        text: "this module was made for version \(expected) of its library, which is \(found): install both together")
}
