// swift-tools-version: 6.0
import Foundation
import PackageDescription

// Where the native library is: `cargo xtask bindings` puts it there.
let library = Context.environment["UNDERTONE_LIBRARY"] ?? "\(Context.packageDirectory)/lib"

// Apple's platforms take an XCFramework instead, which `cargo xtask bindings xcframework` makes: whenever it is there, or where
// the environment says that it is, within this folder.
let framework = Context.environment["UNDERTONE_XCFRAMEWORK"] ?? "UndertoneFFI.xcframework"
let hasFramework =
    Context.environment["UNDERTONE_XCFRAMEWORK"] != nil
    || FileManager.default.fileExists(atPath: "\(Context.packageDirectory)/\(framework)")

let native: Target =
    hasFramework ? .binaryTarget(name: "UndertoneFFI", path: framework) : .systemLibrary(name: "UndertoneFFI")
let linking: [LinkerSetting] =
    hasFramework
    ? []
    : [
        .linkedLibrary("undertone_ffi"),
        .unsafeFlags(["-L\(library)", "-Xlinker", "-rpath", "-Xlinker", library]),
    ]

let package = Package(
    name: "Undertone",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "Undertone", targets: ["Undertone"]),
        .library(name: "UndertoneRelay", targets: ["UndertoneRelay"]),
        .library(name: "UndertoneTesting", targets: ["UndertoneTesting"]),
    ],
    targets: [
        native,
        // Written by UniFFI, whose code is not of Swift 6 yet.
        .target(
            name: "UndertoneEngine",
            dependencies: ["UndertoneFFI"],
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: linking
        ),
        .target(name: "Undertone", dependencies: ["UndertoneEngine"]),
        .target(name: "UndertoneRelay", dependencies: ["Undertone"]),
        .target(name: "UndertoneTesting", dependencies: ["Undertone"]),
        // A chat on the command line.
        .executableTarget(name: "chat", dependencies: ["UndertoneRelay"]),
        // Times calls.
        .executableTarget(name: "calls", dependencies: ["UndertoneTesting"]),
        // Plays a device in the scenarios that all languages share.
        .executableTarget(name: "player", dependencies: ["UndertoneRelay", "UndertoneTesting"]),
        .testTarget(name: "UndertoneTests", dependencies: ["Undertone", "UndertoneRelay", "UndertoneTesting", "player"]),
    ]
)
