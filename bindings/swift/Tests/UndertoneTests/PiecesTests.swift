import Foundation
import Testing
import Undertone
import UndertoneTesting

/// Pieces of files that do not get where they should, once (R41).
@Suite struct PiecesTests {
    private let pieces = 3
    /// Two whole pieces, and a part of one.
    private let size = 5 << 19

    @Test(arguments: [false, true]) func aPieceThatIsLostIsDoneAgainByWhoGoesOn(_ cancelled: Bool) async throws {
        let folder = try Folder()
        let flaky = try Flaky(FolderBlobs(folder.url.appendingPathComponent("blobs")), cancelled)
        let content = Data((0..<size).map { UInt8($0 * 31 % 251) })
        let file = folder.path("file")
        try content.write(to: URL(fileURLWithPath: file))
        let plain = Attachment(details: .file, mediaType: "text/plain", size: UInt64(size))
        try await acquainted(blobs: flaky) { network, ann, bea, talk in
            for number in 0..<pieces {
                await flaky.fail(after: number)
                await fails { try await ann.sendFile(file, as: plain, to: talk) }
                let begun = try await ann.attachments.transfers()
                #expect(begun.count == 1)
                let message = try #require(begun.first).message
                try await ann.upload(file, of: message.id, in: talk)
                await network.settle()
                let saved = folder.path("saved \(number)")
                await flaky.fail(after: number)
                await fails { try await bea.saveFile(of: message, in: talk, to: saved) }
                try await bea.saveFile(of: message, in: talk, to: saved)
                #expect(try Data(contentsOf: URL(fileURLWithPath: saved)) == content)
                #expect(try await ann.attachments.transfers().isEmpty)
                #expect(try await bea.attachments.transfers().isEmpty)
            }
        }
    }

    /// In a task of its own, which may be cancelled.
    private func fails<T: Sendable>(_ call: @escaping @Sendable () async throws -> T) async {
        let result = await Task { try await call() }.result
        if case .success = result { Issue.record("nothing was lost") }
    }
}

/// Storage of which one piece fails, or whose caller is cancelled in the middle of one, however far it had got.
private actor Flaky: Blobs {
    private let whole: FolderBlobs
    private let cancels: Bool
    /// How many go well before one that does not.
    private var good: Int?

    init(_ whole: FolderBlobs, _ cancels: Bool) { (self.whole, self.cancels) = (whole, cancels) }

    func fail(after good: Int) { self.good = good }

    func put(_ name: String, start: UInt64, data: Data) async throws {
        try meet()
        try await whole.put(name, start: start, data: data)
    }

    func location(_ name: String) async throws -> String { try await whole.location(name) }

    func get(_ location: String, start: UInt64, end: UInt64) async throws -> Data {
        try meet()
        return try await whole.get(location, start: start, end: end)
    }

    private func meet() throws {
        guard let left = good else { return }
        good = left > 0 ? left - 1 : nil
        if left > 0 { return }
        guard cancels else { throw Fault() }
        withUnsafeCurrentTask { $0?.cancel() }
        try Task.checkCancellation()
    }
}
