#!/bin/sh
# An empty Maven project, with nothing but dev.undertone's artifact from the local repository, runs the first Kotlin example
# of bindings/README.md word for word: against a relay, where somebody answers at the chat of lines.
#
#     mvn install && check/example.sh ../../target/debug/undertone-relay     (in bindings/kotlin)
#
# Further words are options of Maven, like --offline.
set -eu

relay=$(realpath "$1")
shift
home=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
started=""
finish() {
    for process in $started; do kill "$process" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# The next line of an output that ends with the words; what comes before is passed over.
expect() {
    while read -r line <&"$1"; do
        case $line in *"$2") return 0 ;; esac
    done
    echo "“$2” was expected, and the program has ended" >&2
    exit 1
}

version=$(sed -n 's:.*<version>\(.*\)</version>.*:\1:p' "$home/pom.xml" | head -1)
kotlin=$(sed -n 's:.*<kotlin.version>\(.*\)</kotlin.version>.*:\1:p' "$home/pom.xml")
mkdir -p "$work/src/main/kotlin"
awk '/^```kotlin$/ { inside = 1; next } /^```$/ { if (inside) exit } inside' "$home/../README.md" > "$work/src/main/kotlin/Main.kt"
cat > "$work/pom.xml" <<END
<project xmlns="http://maven.apache.org/POM/4.0.0">
    <modelVersion>4.0.0</modelVersion>
    <groupId>org.example</groupId>
    <artifactId>app</artifactId>
    <version>1</version>
    <properties>
        <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
    </properties>
    <dependencies>
        <dependency>
            <groupId>dev.undertone</groupId>
            <artifactId>undertone</artifactId>
            <version>$version</version>
        </dependency>
    </dependencies>
    <build>
        <sourceDirectory>src/main/kotlin</sourceDirectory>
        <plugins>
            <plugin>
                <groupId>org.jetbrains.kotlin</groupId>
                <artifactId>kotlin-maven-plugin</artifactId>
                <version>$kotlin</version>
                <configuration>
                    <jvmTarget>17</jvmTarget>
                </configuration>
                <executions>
                    <execution>
                        <goals>
                            <goal>compile</goal>
                        </goals>
                    </execution>
                </executions>
            </plugin>
            <plugin>
                <groupId>org.apache.maven.plugins</groupId>
                <artifactId>maven-dependency-plugin</artifactId>
                <version>3.8.1</version>
                <configuration>
                    <outputFile>classpath</outputFile>
                </configuration>
            </plugin>
        </plugins>
    </build>
</project>
END
(cd "$work" && mvn --batch-mode --no-transfer-progress --quiet "$@" compile dependency:build-classpath)

cd "$work"
mkfifo relay typed shown answered
"$relay" --listen 127.0.0.1:0 --memory --demo > relay &
started="$started $!"
exec 3< relay
read -r line <&3
address=${line#listening on }

chat="$home/chat/target/undertone-chat-$version.jar:$(cat "$home/chat/target/classpath")"
java -cp "$chat" dev.undertone.chat.MainKt "$address" bea bea escort < typed > shown &
started="$started $!"
exec 4> typed 5< shown
expect 5 "bea is online"

java -cp "target/classes:$(cat classpath)" MainKt "$address" > answered &
started="$started $!"
exec 6< answered
expect 5 "ann: Hello"
echo "Hello, Ann" >&4
read -r line <&6
case $line in *"Hello, Ann"*) ;; *) echo "the example printed: $line" >&2 && exit 1 ;; esac
echo /quit >&4
wait "${started##* }"
echo "the example of bindings/README.md runs: $line"
