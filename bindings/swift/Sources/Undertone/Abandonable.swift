/// What work of a host comes to. It is given up as soon as this task is cancelled: it is told so, and not waited for.
func abandonable<T: Sendable>(_ work: @escaping @Sendable () async throws -> T) async throws -> T {
    let (results, found) = AsyncThrowingStream<T, any Error>.makeStream()
    let task = Task {
        do {
            found.yield(try await work())
            found.finish()
        } catch {
            found.finish(throwing: error)
        }
    }
    return try await withTaskCancellationHandler {
        for try await result in results { return result }
        throw CancellationError()
    } onCancel: {
        task.cancel()
    }
}
