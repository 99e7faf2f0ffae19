import Foundation
import Undertone

/// Encrypted files as files of a folder: for tests, and for a folder that several machines share.
public struct FolderBlobs: Blobs {
    private let folder: URL

    /// The files of a folder, which is made if it is not there.
    public init(_ folder: URL) throws {
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// Writes bytes of a file from `start` on.
    public func put(_ name: String, start: UInt64, data: Data) async throws {
        let file = try self.file(name)
        if !FileManager.default.fileExists(atPath: file.path) {
            _ = FileManager.default.createFile(atPath: file.path, contents: nil)
        }
        let handle = try FileHandle(forWritingTo: file)
        defer { try? handle.close() }
        try handle.seek(toOffset: start)
        try handle.write(contentsOf: data)
    }

    /// A file is found by its name.
    public func location(_ name: String) async throws -> String { name }

    /// Reads bytes of a file.
    public func get(_ location: String, start: UInt64, end: UInt64) async throws -> Data {
        let handle = try FileHandle(forReadingFrom: file(location))
        defer { try? handle.close() }
        try handle.seek(toOffset: start)
        return try handle.read(upToCount: Int(end - start)) ?? Data()
    }

    // A location comes from a message: it names no file outside this folder.
    private func file(_ name: String) throws -> URL {
        guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/"), !name.contains("\\") else {
            throw CocoaError(.fileNoSuchFile)
        }
        return folder.appendingPathComponent(name)
    }
}
