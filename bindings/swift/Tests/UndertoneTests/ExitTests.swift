import Foundation
import Testing
import Undertone

/// A process that ends while calls are under way (R41).
@Suite struct ExitTests {
    @Test(arguments: ["exit": 0, "kill": SIGKILL, "terminate": SIGTERM])
    func aProcessEndsWhateverIsUnderWay(_ how: String, _ expected: Int32) async throws {
        let folder = try Folder()
        let (status, printed) = try await run(["leave", folder.path("store"), how])
        #expect(printed == "confirmed 50\n")
        #expect(status == expected)
        let store = Store.sqlite(path: folder.path("store"), lockWaitMs: 1_000)
        let engine = try Engine.open(config: configured().0, store: store, hostKey: key)
        let talk = try engine.conversations().start(user: UserId("bea"))
        let found = try texts(engine.messages(), talk)
        #expect(found.prefix(50) == (0..<50).map(String.init)[...])
        #expect(found.dropFirst(50).allSatisfy { $0 == "unconfirmed" })
        _ = try engine.messages().send(conversation: talk, draft: Draft(text: "on it goes"))
        try engine.shutDown()
    }

    /// Runs the player, which is beside the tests, to its end.
    private func run(_ arguments: [String]) async throws -> (Int32, String) {
        let process = Process()
        process.executableURL = programs.appendingPathComponent("player")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        return try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { ended in
                let printed = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                continuation.resume(returning: (ended.terminationStatus, printed))
            }
            do { try process.run() } catch { continuation.resume(throwing: error) }
        }
    }

    private var programs: URL {
        #if os(Linux)
        Bundle.main.bundleURL
        #else
        Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }!.bundleURL.deletingLastPathComponent()
        #endif
    }
}
