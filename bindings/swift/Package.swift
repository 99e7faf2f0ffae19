// swift-tools-version: 6.0
import PackageDescription

// Where the native library is: `cargo xtask bindings` puts it there. Apple's platforms take the xcframework instead.
let library = Context.environment["UNDERTONE_LIBRARY"] ?? "\(Context.packageDirectory)/lib"

let package = Package(
    name: "Undertone",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [
        .library(name: "Undertone", targets: ["Undertone"]),
        .library(name: "UndertoneRelay", targets: ["UndertoneRelay"]),
        .library(name: "UndertoneTesting", targets: ["UndertoneTesting"]),
    ],
    targets: [
        .systemLibrary(name: "UndertoneFFI"),
        // Written by UniFFI, whose code is not of Swift 6 yet.
        .target(
            name: "UndertoneEngine",
            dependencies: ["UndertoneFFI"],
            swiftSettings: [.swiftLanguageMode(.v5)],
            linkerSettings: [
                .linkedLibrary("undertone_ffi"),
                .unsafeFlags(["-L\(library)", "-Xlinker", "-rpath", "-Xlinker", library]),
            ]
        ),
        .target(name: "Undertone", dependencies: ["UndertoneEngine"]),
        .target(name: "UndertoneRelay", dependencies: ["Undertone"]),
        .target(name: "UndertoneTesting", dependencies: ["Undertone"]),
        // Plays a device in the scenarios that all languages share.
        .executableTarget(name: "player", dependencies: ["UndertoneRelay", "UndertoneTesting"]),
        .testTarget(name: "UndertoneTests", dependencies: ["Undertone", "UndertoneTesting"]),
    ]
)
