import Foundation
import Testing
import Undertone
import UndertoneTesting

/// What messages hold beside plain text, and what a chat keeps of people (R41).
@Suite struct RichnessTests {
    /// Twelve plain fields of colour: 40 by 30 pixels.
    private let image = Data(
        base64Encoded: "iVBORw0KGgoAAAANSUhEUgAAACgAAAAeCAIAAADRv8uKAAAAQklEQVR42u3NMREAMAgAMYQhonIYkVIRCKyDH+j6d9kT"
            + "EQ0SFRoUxsbGxvv4NEhUaJCxsbHxR3wbJCo0yNjY2HgdPyIEdSwGgN95AAAAAElFTkSuQmCC")!

    @Test func anImageIsMadeReady() throws {
        let prepared = try prepareImage(bytes: image, wish: ImageWish(longestEdge: 20))
        #expect(prepared.attachment.mediaType == "image/jpeg")
        #expect(prepared.attachment.size == UInt64(prepared.bytes.count))
        let small = try #require(picture(prepared.attachment))
        #expect(small.width == 20 && small.height == 15 && !small.blurred && small.preview != nil)
        let pixels = try blurPixels(hash: #require(small.blurHash), width: 8, height: 6)
        #expect(pixels.count == 8 * 6 * 4)
        #expect(stride(from: 3, to: pixels.count, by: 4).allSatisfy { pixels[$0] == 255 })
        let hidden = try prepareImage(bytes: image, wish: ImageWish(format: .png, blurred: true)).attachment
        #expect(hidden.mediaType == "image/png" && picture(hidden)?.blurred == true)
        #expect(picture(hidden)?.preview == nil)
    }

    @Test func anImageIsDescribedOrRefused() throws {
        let plain = try describeImage(bytes: image, blurred: false)
        #expect(plain.mediaType == "image/png" && plain.size == UInt64(image.count))
        #expect(picture(plain)?.width == 40 && picture(plain)?.height == 30)
        #expect(code { try prepareImage(bytes: Data("no image".utf8), wish: ImageWish()) } == "image.format")
        #expect(code { try describeImage(bytes: image.prefix(60), blurred: false) } == "image.damaged")
        #expect(code { try blurPixels(hash: "no hash", width: 8, height: 6) } == "misuse.attachment")
    }

    private func picture(_ attachment: Attachment) -> Picture? {
        if case .image(let picture) = attachment.details { picture } else { nil }
    }

    @Test func aRecordingHasAWaveAndALength() throws {
        let quiet = (0..<800).map { Int16($0 % 2 == 0 ? 100 : -100) }
        let loud = (0..<800).map { Int16($0 % 2 == 0 ? 20_000 : -20_000) }
        #expect(try waveOfSamples(samples: quiet + loud, bars: 2) == Data([1, 255]))
        #expect(try waveOfSamples(samples: loud, bars: 1_000).count == 256)
        #expect(try waveOfSamples(samples: [], bars: 10).isEmpty)
        #expect(try durationOfSamples(samples: 96_000, channels: 2, rate: 48_000) == 1)
        #expect(try durationOfSamples(samples: 96_000, channels: 0, rate: 48_000) == nil)
    }

    @Test func linksAreFoundWhereAPersonSeesThem() throws {
        let text = "Grüße: https://example.org/a, und mehr"
        let found = try findLinks(text: text).map { try String(text[#require($0.within(text))]) }
        #expect(found == ["https://example.org/a"])
        #expect(try findLinks(text: "nothing here").isEmpty)
    }

    @Test func imagesVoiceAndVideoArriveWithWhatBelongsToThem() async throws {
        let folder = try Folder()
        let blobs = try FolderBlobs(folder.url.appendingPathComponent("blobs"))
        try await acquainted(blobs: blobs) { network, ann, bea, talk in
            let prepared = try prepareImage(bytes: image, wish: ImageWish())
            try prepared.bytes.write(to: folder.url.appendingPathComponent("file"))
            let wave = try waveOfSamples(samples: (0..<200).map { $0 * 100 }, bars: 4)
            let poster = Picture(width: 40, height: 30, preview: image)
            let size = prepared.attachment.size
            let given = [
                prepared.attachment,
                Attachment(details: .voice(duration: 1, wave: wave), mediaType: "audio/ogg", size: size),
                Attachment(details: .video(duration: 1, picture: poster), mediaType: "video/mp4", size: size),
            ]
            for attachment in given {
                _ = try await ann.sendFile(folder.path("file"), as: attachment, to: talk)
                await network.settle()
                guard case .attachment(let shown) = try await newest(bea, talk).content else {
                    Issue.record("there is no attachment")
                    return
                }
                #expect(shown.details == attachment.details && shown.mediaType == attachment.mediaType)
                #expect(shown.size == size && shown.location != nil)
            }
        }
    }

    /// What is to be done next for a file, until nothing is.
    private func eachPiece(
        _ chat: Undertone, _ talk: ConversationId, _ message: MessageRef, _ work: (Piece) async throws -> Void
    ) async throws {
        while let piece = try await chat.attachments.transfer(conversation: talk, message: message)?.next {
            try await work(piece)
        }
    }

    @Test func aFileIsSentByBytesAsWell() async throws {
        try await acquainted { network, ann, bea, talk in
            let content = Data((0..<3_000_000).map { UInt8($0 % 251) })
            let plain = Attachment(details: .file, mediaType: "text/plain", size: UInt64(content.count))
            let id = try await ann.attachments.send(conversation: talk, attachment: plain, draft: Draft())
            let message = MessageRef(author: ann.user, id: id)
            var stored = Data()
            try await eachPiece(ann, talk, message) { piece in
                let part = content[Int(piece.file.start)..<Int(piece.file.end)]
                let long = await codeOf {
                    _ = try await ann.attachments.seal(conversation: talk, id: id, piece: piece.number, file: part + [0])
                }
                #expect(long == "misuse.attachment")
                stored += try await ann.attachments.seal(conversation: talk, id: id, piece: piece.number, file: part)
                #expect(UInt64(stored.count) == piece.stored.end)
            }
            try await ann.attachments.finish(conversation: talk, id: id, location: "somewhere")
            await network.settle()
            try await bea.attachments.download(conversation: talk, message: message)
            var opened = Data()
            try await eachPiece(bea, talk, message) { piece in
                let sealed = Data(stored[Int(piece.stored.start)..<Int(piece.stored.end)])
                let damaged = Data([sealed[0] ^ 1]) + sealed.dropFirst()
                let forged = await codeOf {
                    _ = try await bea.attachments.open(
                        conversation: talk, message: message, piece: piece.number, stored: damaged)
                }
                #expect(forged == "peer.forged")
                opened += try await bea.attachments.open(
                    conversation: talk, message: message, piece: piece.number, stored: sealed)
            }
            #expect(opened == content)
        }
    }

    @Test func anyPartOfAFileIsReadWithoutTheRest() async throws {
        let folder = try Folder()
        let blobs = try FolderBlobs(folder.url.appendingPathComponent("blobs"))
        try await acquainted(blobs: blobs) { network, ann, bea, talk in
            let content = Data((0..<300_000).map { UInt8($0 * 31 % 251) })
            try content.write(to: folder.url.appendingPathComponent("file"))
            let plain = Attachment(details: .file, mediaType: "text/plain", size: UInt64(content.count))
            let id = try await ann.sendFile(folder.path("file"), as: plain, to: talk)
            await network.settle()
            guard case .attachment(let shown) = try await newest(bea, talk).content, let location = shown.location else {
                Issue.record("there is no attachment")
                return
            }
            let message = MessageRef(author: ann.user, id: id)
            let reader = try await bea.attachments.reader(conversation: talk, message: message)
            #expect(try reader.size() == UInt64(content.count))
            for (start, end) in [(0, 10), (199_990, 200_010), (299_999, 300_000)] {
                let wanted = ByteRange(start: UInt64(start), end: UInt64(end))
                let stored = try reader.storedRange(file: wanted)
                var sealed = try await blobs.get(location, start: stored.start, end: stored.end)
                #expect(sealed.count < content.count)
                #expect(try reader.read(file: wanted, stored: sealed) == content[start..<end])
                sealed[sealed.count - 1] ^= 1
                let damaged = sealed
                #expect(code { try reader.read(file: wanted, stored: damaged) } == "peer.forged")
            }
        }
    }

    @Test func aMentionNamesAPartOfTheText() async throws {
        try await acquainted { network, ann, bea, talk in
            let text = "Grüße, @bea!"
            let part = try #require(text.range(of: "@bea"))
            let mention = Mention(range: TextRange(part, of: text), user: bea.user)
            _ = try await ann.messages.send(conversation: talk, draft: Draft(text: text, mentions: [mention]))
            await network.settle()
            let seen = try await newest(bea, talk).mentions
            #expect(seen.map(\.user) == [bea.user] && seen.first?.range.within(text) == part)
        }
    }

    @Test func contactsAndEventsArriveAsTheyWereSent() async throws {
        try await acquainted { network, ann, bea, talk in
            let contact = Contact(
                name: "Cat Example", phones: [Labelled(label: "mobile", value: "+49 40 123")], user: UserId("cat"))
            let start = Date(timeIntervalSince1970: 1_900_000_000)
            let event = CalendarEvent(title: "Boat trip", start: start, end: start + 7_200, link: "https://example.org")
            for card in [Structured.contact(contact: contact), .event(event: event)] {
                _ = try await ann.messages.sendStructured(conversation: talk, structured: card, draft: Draft())
                await network.settle()
                #expect(try await newest(bea, talk).content == .structured(structured: card))
            }
        }
    }

    @Test func whatIsForwardedSaysSoAndWhatIsNotedWasNotSent() async throws {
        try await acquainted { network, ann, bea, talk in
            let original = try await newest(bea, talk)
            #expect(original.isEncrypted && !original.forwarded)
            _ = try await bea.messages.forward(conversation: talk, message: original.reference, to: talk)
            await network.settle()
            let again = try await newest(ann, talk)
            #expect(again.forwarded && again.isEncrypted && again.text == "Hello, Bea" && again.author == bea.user)
            try await ann.conversations.setPeriod(conversation: talk, period: 60, clock: .fromSend)
            let note = try await newest(ann, talk)
            #expect(note.content == .system(note: .periodChanged(period: 60, clock: .fromSend)) && !note.isEncrypted)
        }
    }

    @Test func whatAUserCallsAnotherIsFoundAndNeverSent() async throws {
        try await acquainted { network, ann, bea, talk in
            try await ann.privacy.setDisplayName(user: bea.user, name: "Beatrice")
            await network.settle()
            #expect(try await ann.privacy.displayName(user: bea.user) == "Beatrice")
            #expect(try await ann.conversations.search(text: "beatr").conversations.map(\.id) == [talk])
            #expect(try await bea.privacy.displayName(user: bea.user) == nil)
            try await ann.privacy.setDisplayName(user: bea.user, name: nil)
            #expect(try await ann.privacy.displayName(user: bea.user) == nil)
        }
    }

    @Test func aStoreIsCompactedAndItsKeyReplaced() throws {
        let folder = try Folder()
        let store = Store.sqlite(path: folder.path("store"), lockWaitMs: 0)
        let engine = try opened(store)
        let talk = try engine.conversations().start(user: UserId("bea"))
        _ = try engine.messages().send(conversation: talk, draft: Draft(text: "kept"))
        // What this gives rests on what was sent, which is durable then.
        _ = try engine.drain(limit: 1)
        while try engine.compact(budget: 1 << 20) == .more {}
        #expect(try engine.usage().live > 0)
        let new = Data(repeating: 1, count: 32)
        #expect(code { try engine.replaceHostKey(old: new, new: key) } == "store.wrong_key")
        #expect(code { try engine.replaceHostKey(old: key, new: Data(count: 5)) } == "misuse.key_length")
        try engine.replaceHostKey(old: key, new: new)
        try engine.shutDown()
        let (config, _) = try configured()
        #expect(code { try Engine.open(config: config, store: store, hostKey: key) } == "store.wrong_key")
        let again = try Engine.open(config: config, store: store, hostKey: new)
        #expect(try texts(again.messages(), talk) == ["kept"])
        try again.shutDown()
    }
}
