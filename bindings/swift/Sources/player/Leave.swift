import Foundation
import Undertone
import UndertoneTesting

/// `player leave FOLDER HOW`: a process that ends while calls are under way, for a test that looks at what it leaves behind. It
/// prints `confirmed` with the number of messages that are durable, and ends then by itself (`exit`), by being told to
/// (`terminate`) or by being killed (`kill`).
func leave(_ folder: String, _ how: String) throws {
    let engine = try SingleDevice().open(.sqlite(path: folder, lockWaitMs: 1_000))
    let talk = try engine.conversations().start(user: UserId("bea"))
    for number in 0..<50 { _ = try engine.messages().send(conversation: talk, draft: Draft(text: "\(number)")) }
    while try engine.drain(limit: 1_000).more {}
    FileHandle.standardOutput.write(Data("confirmed 50\n".utf8))
    Task { while true { try await engine.ready() } }
    let begun = DispatchSemaphore(value: 0)
    for _ in 0..<4 {
        Thread.detachNewThread {
            for number in 0... {
                _ = try? engine.messages().send(conversation: talk, draft: Draft(text: "unconfirmed"))
                _ = try? engine.drain(limit: 10)
                if number == 1 { begun.signal() }
            }
        }
    }
    for _ in 0..<4 { begun.wait() }
    switch how {
    case "kill": kill(getpid(), SIGKILL)
    case "terminate":
        // Whoever started this may have done so on a thread that lets no signal through.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        kill(getpid(), SIGTERM)
    default: exit(0)
    }
    // The signal may be another thread's to take.
    while true { sleep(1) }
}
