#!/bin/sh
# What somebody does who has just found this package: makes an empty one that depends on it by its path, puts the README's first
# example for Swift into it word for word, and runs it.
#
#     sh check.sh RELAY [README]
#
# RELAY is the program `undertone-relay`, which is started with --demo at a free address; the example's other user is the
# program `chat` of this package. Before it, `cargo xtask bindings swift` has put the native library into lib/.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
relay=$1
readme=${2:-$here/../README.md}
work=$(mktemp -d)
running=
end() {
    for process in $running; do kill "$process" 2>/dev/null || true; done
    rm -rf "$work"
}
trap end EXIT

fail() {
    echo "check.sh: $1" >&2
    exit 1
}

# Waits for a line in a file, a minute at most.
await() {
    for _ in $(seq 600); do
        if grep -qsF "$1" "$2"; then return; fi
        sleep 0.1
    done
    fail "“$1” did not come"
}

# An empty package.
mkdir -p "$work/hello/Sources/hello"
cat > "$work/hello/Package.swift" <<END
// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "hello",
    platforms: [.macOS(.v12)],
    dependencies: [.package(name: "Undertone", path: "$here")],
    targets: [.executableTarget(name: "hello", dependencies: [.product(name: "UndertoneRelay", package: "Undertone")])]
)
END

# The README's first block of Swift.
sed -n '/^```swift$/,/^```$/p' "$readme" | sed '/^```swift$/d; /^```$/q' | sed '$d' > "$work/hello/Sources/hello/main.swift"
grep -q UndertoneRelay "$work/hello/Sources/hello/main.swift" || fail "the README has no example"
swift build --package-path "$work/hello"
swift build --package-path "$here" --product chat

# A relay, and who is written to: Bea answers what comes.
"$relay" --demo --memory --listen 127.0.0.1:0 > "$work/relay" 2>&1 &
running="$running $!"
await "listening on" "$work/relay"
address=$(sed -n "s/^listening on //p" "$work/relay")
mkfifo "$work/keys"
"$(swift build --package-path "$here" --show-bin-path)/chat" "$address" "$work/bea" bea escort \
    < "$work/keys" > "$work/screen" &
running="$running $!"
exec 3> "$work/keys"
await "bea is online" "$work/screen"
(await "ann: Hello" "$work/screen" && echo "Hello, Ann" >&3) &
running="$running $!"

cd "$work"
timeout 60 "$(swift build --package-path "$work/hello" --show-bin-path)/hello" "$address" > "$work/printed" \
    || fail "the example ended with an error"
cat "$work/printed"
grep -q "Hello, Ann" "$work/printed" || fail "the answer did not arrive"
echo "the README's example runs"
