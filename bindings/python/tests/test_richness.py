"""What messages hold beside plain text, and what a chat keeps of people (R41)."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, AsyncIterator

from undertone import (
    Attachment,
    ByteRange,
    CalendarEvent,
    Clock,
    Contact,
    ConversationId,
    Cursor,
    Details,
    Draft,
    FolderBlobs,
    ImageFormat,
    ImageWish,
    Labelled,
    Mention,
    Message,
    MessageRef,
    Picture,
    Piece,
    Progress,
    Store,
    Structured,
    Undertone,
    UserId,
    blur_pixels,
    describe_image,
    duration_of_samples,
    find_links,
    prepare_image,
    ref,
    wave_of_samples,
)
from undertone.testing import Network
from undertone.text import part, range_of

from helpers import KEY, acquainted, all_texts, code, code_of, opened, text_of

# Twelve plain fields of colour: 40 by 30 pixels.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAACgAAAAeCAIAAADRv8uKAAAAQklEQVR42u3NMREAMAgAMYQhonIYkVIRCKyDH+j6d9kTEQ0SFRoUxsbGxvv4NEhU"
    "aJCxsbHxR3wbJCo0yNjY2HgdPyIEdSwGgN95AAAAAElFTkSuQmCC"
)


async def newest(chat: Undertone, talk: ConversationId) -> Message:
    return (await chat.messages.page(talk, Cursor.NEWEST(), 1)).messages[0]


def test_an_image_is_made_ready_and_described() -> None:
    prepared = prepare_image(PICTURE, ImageWish(longest_edge=20))
    assert prepared.bytes.startswith(b"\xff\xd8") and prepared.attachment.size == len(prepared.bytes)
    assert prepared.attachment.media_type == "image/jpeg"
    details: Any = prepared.attachment.details
    assert details.is_IMAGE() and (details.picture.width, details.picture.height) == (20, 15)
    assert not details.picture.blurred and details.picture.preview
    pixels = blur_pixels(details.picture.blur_hash, 8, 6)
    assert len(pixels) == 8 * 6 * 4 and set(pixels[3::4]) == {255}
    hidden: Any = prepare_image(PICTURE, ImageWish(format=ImageFormat.PNG, blurred=True)).attachment
    assert hidden.media_type == "image/png"
    assert hidden.details.picture.blurred and hidden.details.picture.preview is None
    as_it_is: Any = describe_image(PICTURE, False)
    assert (as_it_is.media_type, as_it_is.size) == ("image/png", len(PICTURE))
    assert (as_it_is.details.picture.width, as_it_is.details.picture.height) == (40, 30)
    assert code(prepare_image, b"no image", ImageWish()) == "image.format"
    assert code(describe_image, PICTURE[:60], False) == "image.damaged"
    assert code(blur_pixels, "no hash", 8, 6) == "misuse.attachment"


def test_a_recording_has_a_wave_and_a_length() -> None:
    quiet, loud = [100, -100] * 400, [20_000, -20_000] * 400
    assert wave_of_samples(quiet + loud, 2) == bytes([1, 255])
    assert wave_of_samples([1, 2, 3], 64) == wave_of_samples([1, 2, 3], 3)
    assert len(wave_of_samples(loud, 1_000)) == 256
    assert wave_of_samples([], 10) == b""
    assert duration_of_samples(96_000, 2, 48_000) == timedelta(seconds=1)
    assert duration_of_samples(96_000, 0, 48_000) is None


def test_links_are_found_where_a_person_sees_them() -> None:
    text = "Grüße: https://example.org/a, und mehr"
    assert [part(text, place) for place in find_links(text)] == ["https://example.org/a"]
    assert find_links("nothing here") == []


async def test_images_voice_and_video_arrive_with_what_belongs_to_them(tmp_path: Path) -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network, blobs=FolderBlobs(tmp_path / "blobs"))
        prepared = prepare_image(PICTURE, ImageWish())
        second = timedelta(seconds=1)
        wave = wave_of_samples([500, 20_000] * 100, 4)
        picture = Picture(width=40, height=30, preview=PICTURE)
        sent = [
            prepared.attachment,
            Attachment(details=Details.VOICE(duration=second, wave=wave), media_type="audio/ogg", size=len(prepared.bytes)),
            Attachment(details=Details.VIDEO(duration=second, picture=picture), media_type="video/mp4", size=len(prepared.bytes)),
        ]
        (tmp_path / "file").write_bytes(prepared.bytes)
        for attachment in sent:
            await ann.send_file(talk, attachment, tmp_path / "file")
            await network.settle()
            shown: Any = (await newest(bea, talk)).content
            assert (shown.attachment.details, shown.attachment.media_type) == (attachment.details, attachment.media_type)
            assert shown.attachment.size == len(prepared.bytes) and shown.attachment.location is not None
        spoken: Any = sent[1].details
        assert spoken.duration == second and len(spoken.wave) == 4


async def pieces(chat: Undertone, talk: ConversationId, message: MessageRef) -> AsyncIterator[Piece]:
    """What is to be done next for a file, until nothing is."""
    while (transfer := await chat.attachments.transfer(talk, message)) is not None and transfer.next is not None:
        yield transfer.next


async def test_a_file_is_sent_by_bytes_as_well() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        content = bytes(range(250)) * 12_000
        plain = Attachment(details=Details.FILE(), media_type="text/plain", size=len(content))
        number = await ann.attachments.send(talk, plain, Draft())
        message = MessageRef(author=ann.user, id=number)
        stored = bytearray()
        async for piece in pieces(ann, talk, message):
            part = content[piece.file.start : piece.file.end]
            assert await code_of(ann.attachments.seal(talk, number, piece.number, part + b"!")) == "misuse.attachment"
            stored += await ann.attachments.seal(talk, number, piece.number, part)
            assert len(stored) == piece.stored.end
        await ann.attachments.finish(talk, number, "somewhere")
        await network.settle()
        await bea.attachments.download(talk, message)
        opened = bytearray()
        async for piece in pieces(bea, talk, message):
            sealed = bytes(stored[piece.stored.start : piece.stored.end])
            damaged = bytes([sealed[0] ^ 1]) + sealed[1:]
            assert await code_of(bea.attachments.open(talk, message, piece.number, damaged)) == "peer.forged"
            opened += await bea.attachments.open(talk, message, piece.number, sealed)
        assert opened == content


async def test_any_part_of_a_file_is_read_without_the_rest(tmp_path: Path) -> None:
    blobs = FolderBlobs(tmp_path / "blobs")
    async with Network() as network:
        ann, bea, talk = await acquainted(network, blobs=blobs)
        content = bytes(number * 31 % 251 for number in range(300_000))
        (tmp_path / "file").write_bytes(content)
        plain = Attachment(details=Details.FILE(), media_type="text/plain", size=len(content))
        message = MessageRef(author=ann.user, id=await ann.send_file(talk, plain, tmp_path / "file"))
        await network.settle()
        shown: Any = (await newest(bea, talk)).content
        reader = await bea.attachments.reader(talk, message)
        assert reader.size() == len(content)
        for start, end in [(0, 10), (199_990, 200_010), (299_999, 300_000)]:
            wanted = ByteRange(start=start, end=end)
            stored = reader.stored_range(wanted)
            assert stored.end - stored.start < len(content)
            sealed = await blobs.get(shown.attachment.location, stored.start, stored.end)
            assert reader.read(wanted, sealed) == content[start:end]
            assert code(reader.read, wanted, sealed[:-1] + bytes([sealed[-1] ^ 1])) == "peer.forged"


async def test_a_mention_names_a_part_of_the_text() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        text = "Grüße, @bea!"
        mention = Mention(range=range_of(text, 7, 11), user=bea.user)
        await ann.messages.send(talk, Draft(text=text, mentions=[mention]))
        await network.settle()
        (seen,) = (await newest(bea, talk)).mentions
        assert seen.user == bea.user and part(text, seen.range) == "@bea"


async def test_contacts_and_events_arrive_as_they_were_sent() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        contact = Contact(name="Cat Example", phones=[Labelled(label="mobile", value="+49 40 123")], user=UserId("cat"))
        start = datetime(2030, 5, 1, 9, tzinfo=timezone.utc)
        event = CalendarEvent(title="Boat trip", start=start, end=start + timedelta(hours=2), link="https://example.org")
        for card in [Structured.CONTACT(contact), Structured.EVENT(event)]:
            await ann.messages.send_structured(talk, card, Draft())
            await network.settle()
            shown: Any = (await newest(bea, talk)).content
            assert shown.is_STRUCTURED() and shown.structured == card


async def test_what_is_forwarded_says_so_and_what_is_noted_was_not_sent() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        original = await newest(bea, talk)
        assert original.is_encrypted and not original.forwarded
        await bea.messages.forward(talk, ref(original), talk)
        await network.settle()
        again = await newest(ann, talk)
        assert again.forwarded and again.is_encrypted
        assert (text_of(again), again.author) == ("Hello, Bea", bea.user)
        await ann.conversations.set_period(talk, 60, Clock.FROM_SEND)
        note: Any = await newest(ann, talk)
        assert note.content.is_SYSTEM() and not note.is_encrypted


async def test_what_a_user_calls_another_is_found_and_never_sent() -> None:
    async with Network() as network:
        ann, bea, talk = await acquainted(network)
        await ann.privacy.set_display_name(bea.user, "Beatrice")
        await network.settle()
        assert await ann.privacy.display_name(bea.user) == "Beatrice"
        assert [found.id for found in (await ann.conversations.search("beatr")).conversations] == [talk]
        assert await bea.privacy.display_name(bea.user) is None
        await ann.privacy.set_display_name(bea.user, None)
        assert await ann.privacy.display_name(bea.user) is None


def test_a_store_is_compacted_and_its_key_replaced(tmp_path: Path) -> None:
    store = Store.SQLITE(path=str(tmp_path / "store"), lock_wait_ms=50)
    engine = opened(store)
    talk = engine.conversations().start(UserId("bea"))
    engine.messages().send(talk, Draft(text="kept"))
    # What this gives rests on what was sent, which is durable then.
    engine.drain(1)
    while engine.compact(1 << 20) == Progress.MORE:
        pass
    assert engine.usage().live > 0
    new = bytes([1] * 32)
    assert code(engine.replace_host_key, new, KEY) == "store.wrong_key"
    assert code(engine.replace_host_key, KEY, b"short") == "misuse.key_length"
    engine.replace_host_key(KEY, new)
    engine.shut_down()
    assert code(opened, store) == "store.wrong_key"
    again = opened(store, new)
    assert all_texts(again, talk) == ["kept"]
