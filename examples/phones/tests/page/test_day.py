"""R42: the day of three people, played by hand on the page: a client, an escort, a support agent."""

import re
import struct
import wave

import pytest
from playwright.sync_api import expect

from table import Phone, drop, open_page, png

SOUNDS = "async () => (await import('/assets/sound.js')).played.message"
MESSAGES = r"New message|\d+ new messages"


class Table:
    """The page, for a whole day."""

    def __init__(self, page):
        self.page = page
        self.ann, self.bea, self.sam = (Phone(page, user) for user in ("ann", "bea", "sam"))
        self.relay = page.get_by_role("region", name="Log of the relay")

    def advance(self, step):
        self.page.get_by_role("button", name=f"Move the clock on by {step}").click()

    def shot(self, path, **options):
        self.page.mouse.move(2, 2)
        self.page.screenshot(path=path, animations="disabled", caret="hide", **options)

    def look_elsewhere(self):
        """Hides the page, and keeps what the system shows; a browser without a screen has no other tab to look at."""
        self.page.evaluate(
            """() => {
                window.shown = [];
                window.System = Notification;
                globalThis.Notification = class extends System {
                    constructor(title, options) {
                        super(title, options);
                        shown.push(this);
                    }

                    close() {
                        this.taken = true;
                        super.close();
                    }
                };
                Object.defineProperty(document, "hidden", { configurable: true, get: () => true });
            }"""
        )

    def look_here(self):
        self.page.evaluate("() => { delete document.hidden; globalThis.Notification = System; }")

    def shown(self):
        """What the system was told to show: title, words, whose place it takes."""
        return self.page.evaluate("() => shown.map((note) => [note.title, note.body, note.tag])")

    def shows(self, title, body):
        self.page.wait_for_function(
            "([title, body]) => shown.some((note) => note.title === title && new RegExp(`^(?:${body})$`).test(note.body))",
            arg=[title, body],
        )


@pytest.fixture(scope="module")
def table(browser, server):
    page = open_page(browser, server)
    table = Table(page)
    yield table
    assert page.complaints == []
    page.context.close()


def test_buttons_say_what_the_rules_forbid(table):
    bea = table.bea
    bea.button("New conversation").click()
    forbidden = bea.button("Message Ann")
    expect(forbidden).to_have_attribute("aria-disabled", "true")
    expect(bea.root.get_by_text("Disabled: escorts cannot start a conversation with a client.")).to_be_visible()
    expect(bea.button("Message Sam")).not_to_have_attribute("aria-disabled", "true")
    forbidden.click(force=True)
    expect(bea.rows).to_have_count(0)
    bea.page.keyboard.press("Escape")
    expect(bea.button("New conversation")).to_be_focused()


def test_a_first_message_is_sent_delivered_and_read(table):
    ann, bea = table.ann, table.bea
    ann.start("Bea")
    ann.write("Good evening, Bea. Are you free on Friday?")
    expect(ann.root.get_by_role("dialog", name="Notifications")).to_contain_text("says who, and never what")
    table.page.context.grant_permissions(["notifications"])
    ann.button("Turn on").click()
    expect(ann.root.locator(".word")).to_have_text("Notifications are on.")
    expect(bea.row("Ann")).to_contain_text("Are you free on Friday?")
    expect(bea.row("Ann").locator(".badge")).to_contain_text("1")
    expect(bea.row("Ann").locator(".chip")).to_have_text("client")
    expect(bea.root.locator(".banner")).to_contain_text("New message")
    assert table.page.evaluate(SOUNDS) > 0, "and it is heard"
    ann.has_ticks("Are you free", "delivered")
    bea.enter("Ann")
    bea.sees("Are you free on Friday?")
    ann.has_ticks("Are you free", "read")
    expect(bea.row("Ann").locator(".badge")).to_have_count(0)
    bea.write("Yes, from seven on. The harbour?")
    ann.sees("The harbour?")
    expect(ann.message("The harbour?").get_by_text("End-to-end encrypted")).to_have_count(1)
    expect(ann.root.locator(".safe-line")).to_have_text("End-to-end encrypted with Bea")


def test_the_relay_sees_envelopes_and_no_text(table):
    envelope = table.relay.locator(".is-message").first
    expect(envelope).to_contain_text("Bea → Ann")
    envelope.locator("summary").click()
    expect(envelope.locator("dl")).to_contain_text("tag")
    expect(envelope.locator("dl")).to_contain_text("commitment")
    assert "harbour" not in table.relay.inner_text()
    envelope.locator("summary").click()
    # All of it is shown: also that a commit names a slot, and which certificate a device shows.
    commit = table.relay.locator(".is-commit").first
    commit.locator("summary").click()
    expect(commit.locator("dl")).to_contain_text("slot")
    commit.locator("summary").click()
    expect(table.relay.get_by_text("certificate").first).to_contain_text("until")


def test_typing_is_shown_and_goes(table):
    ann, bea = table.ann, table.bea
    bea.type_until(ann.root.get_by_text("Bea is typing"))
    expect(table.relay.locator(".is-ephemeral").first).to_contain_text("Bea → Ann")
    bea.field.fill("I know a place by the window.")
    bea.field.press("Enter")
    ann.sees("I know a place by the window.")
    expect(ann.root.locator(".typing")).to_be_empty()


def test_reactions_replies_and_edits(table):
    ann, bea = table.ann, table.bea
    ann.message("by the window").hover()
    ann.message("by the window").get_by_role("button", name="More").click()
    ann.button("React with ❤️").click()
    expect(bea.message("by the window").locator(".reaction")).to_have_text("❤️")
    expect(ann.button("❤️ by you")).to_have_attribute("aria-pressed", "true")
    ann.menu("by the window", "Reply")
    ann.write("Then that one. Shall I book?")
    quoted = bea.message("Shall I book?").get_by_role("button", name="In reply to You")
    expect(quoted).to_contain_text("by the window")
    quoted.click()
    expect(bea.messages.filter(has_text="I know a place").first).to_be_focused()
    ann.menu("Shall I book?", "Edit")
    ann.field.fill("Then that one. I have booked for eight.")
    ann.field.press("Enter")
    expect(bea.message("booked for eight")).to_contain_text("edited")


def test_delete_for_everyone(table):
    ann, bea = table.ann, table.bea
    bea.write("My room is 512, no, wait")
    ann.sees("My room is 512")
    bea.menu("My room is 512", "Delete for everyone")
    expect(ann.messages.filter(has_text="My room is 512")).to_have_count(0)
    expect(bea.messages.filter(has_text="My room is 512")).to_have_count(0)


def test_emoji_are_found_by_name_and_written(table):
    ann = table.ann
    ann.root.locator(".compose").get_by_role("button", name="Emoji").click()
    ann.root.get_by_role("searchbox", name="Search emoji").fill("toast")
    ann.button("toast").click()
    expect(ann.field).to_have_value("🥂")
    ann.field.press("Enter")
    table.bea.sees("🥂")


def test_a_hidden_photo_is_dropped_and_revealed_by_a_tap(table, tmp_path):
    ann, bea = table.ann, table.bea
    drop(table.page, bea.root.locator(".thread"), png(tmp_path / "evening.png"), "image/png")
    bea.root.get_by_role("textbox", name="Caption").fill("The view from there")
    bea.switch("Blur until tapped").click()
    bea.root.locator(".sheet").get_by_role("button", name="Send").click()
    photo = ann.message("The view from there")
    expect(photo.get_by_role("button", name="Tap to reveal the hidden photo")).to_be_visible()
    expect(photo.locator("img")).to_have_count(0)
    photo.get_by_role("button", name="Tap to reveal").click()
    image = photo.locator("img.full")
    expect(image).to_be_visible()
    table.page.wait_for_function("image => image.complete && image.naturalWidth === 640", arg=image.element_handle())
    photo.get_by_role("button", name="Hide the photo").click()
    expect(photo.locator("img")).to_have_count(0)


def test_a_file_goes_up_with_progress_and_is_saved_whole(table, tmp_path):
    ann, bea = table.ann, table.bea
    file = tmp_path / "tickets.pdf"
    file.write_bytes(bytes(range(256)) * 4096 * 24)
    ann.page.evaluate(
        """() => {
            window.seen = new Set();
            new MutationObserver(() => {
                for (const bar of document.querySelectorAll("[role=progressbar]")) window.seen.add(bar.getAttribute("aria-valuenow"));
            }).observe(document.body, { subtree: true, childList: true });
        }"""
    )
    ann.root.locator("input[type=file]").first.set_input_files(file)
    ann.root.locator(".sheet").get_by_role("button", name="Send").click()
    expect(bea.message("tickets.pdf").get_by_role("button", name="Save tickets.pdf")).to_be_visible(timeout=30_000)
    assert len(ann.page.evaluate("() => [...window.seen]")) > 3, "its progress is shown"
    with table.page.expect_download() as download:
        bea.message("tickets.pdf").get_by_role("button", name="Save tickets.pdf").click()
    assert download.value.path().read_bytes() == file.read_bytes()
    assert download.value.suggested_filename == "tickets.pdf"


def test_a_voice_message_is_recorded_and_played(table):
    ann, bea = table.ann, table.bea
    ann.button("Record a voice message").click()
    expect(ann.root.locator(".recording-time")).to_have_text("0:01")
    ann.button("Send the voice message").click()
    voice = bea.messages.filter(has=table.page.locator(".voice")).last
    expect(voice.locator(".wave rect")).to_have_count(40)
    expect(voice.locator(".voice-time")).to_have_text(re.compile("0:0[1-3]"))
    # It is over in a second: what was seen of it meanwhile is kept.
    table.page.evaluate(
        """() => new MutationObserver((_, observer) => {
            if (!document.querySelector(".wave rect.is-played")) return;
            window.heard = true;
            observer.disconnect();
        }).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["class"] })"""
    )
    voice.get_by_role("button", name="Play voice message").click()
    table.page.wait_for_function("() => window.heard")


def test_a_recording_is_sent_as_a_file_too(table, tmp_path):
    ann, bea = table.ann, table.bea
    path = tmp_path / "memo.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", (i * 37 % 2000) * (i // 8000)) for i in range(24_000)))
    bea.root.locator("input[type=file]").last.set_input_files(path)
    voice = ann.messages.filter(has=table.page.locator(".voice")).last
    expect(voice.locator(".voice-time")).to_have_text("0:03")
    heights = voice.locator(".wave rect").evaluate_all("all => all.map(one => Number(one.getAttribute('height')))")
    assert heights[0] < heights[-1], "it gets louder"


def test_safety_numbers_are_the_same_on_both_sides(table, shots):
    ann, bea = table.ann, table.bea
    numbers = []
    for phone in (ann, bea):
        phone.details()
        phone.button("Safety number", exact=False).click()
        expect(phone.root.locator(".safety span")).to_have_count(12)
        numbers.append(phone.root.locator(".safety").inner_text())
    assert numbers[0] == numbers[1]
    table.shot(shots / "safety-numbers.png")
    ann.button("They are the same").click()
    bea.close()
    expect(ann.root.locator(".safe-line")).to_have_text("End-to-end encrypted · Bea is verified")
    expect(ann.root.locator(".thread-title")).to_contain_text("Verified")


def test_a_call_rings_is_answered_and_ends(table, shots):
    ann, bea = table.ann, table.bea
    ann.root.locator(".thread").get_by_role("button", name="Voice call").click()
    expect(ann.root.locator(".call-state")).to_have_text("Ringing …")
    expect(bea.root.locator(".call-state")).to_have_text("Voice call …")
    expect(table.page.locator("html")).to_have_attribute("data-ringing", "in")
    table.shot(shots / "call.png")
    bea.button("Answer").click()
    expect(ann.root.locator(".call-state")).to_have_text(re.compile("0:0[1-9]"))
    expect(table.page.locator("html")).to_have_attribute("data-ringing", "")
    assert ann.root.locator(".call-check").inner_text() == bea.root.locator(".call-check").inner_text()
    bea.button("Hang up").click()
    expect(ann.root.locator(".call")).to_be_hidden()
    expect(ann.messages.filter(has_text="Call").last).to_be_visible()
    rings = table.page.evaluate("async () => (await import('/assets/sound.js')).played.ring")
    assert rings > 0


def test_a_declined_call_and_one_that_nobody_hears(table):
    ann, bea = table.ann, table.bea
    bea.root.locator(".thread").get_by_role("button", name="Video call").click()
    expect(ann.root.locator(".call-state")).to_have_text("Video call …")
    ann.button("Decline").click()
    expect(bea.root.locator(".call")).to_be_hidden()
    bea.sees("Declined call")
    bea.root.locator(".thread").get_by_role("button", name="Voice call").click()
    expect(ann.root.locator(".call-state")).to_have_text("Voice call …")
    table.advance("1 min")
    expect(ann.root.locator(".call")).to_be_hidden()
    ann.sees("Missed call")


def test_offline_messages_wait_and_go_out(table):
    ann, bea = table.ann, table.bea
    bea.net(False)
    bea.write("(written offline) I am on my way.")
    bea.has_ticks("written offline", "queued")
    expect(bea.root.locator(".safe-line")).to_contain_text("Offline")
    ann.write("Take your time.")
    ann.has_ticks("Take your time", "sent")
    bea.net(True)
    bea.sees("Take your time.")
    ann.sees("written offline")
    bea.has_ticks("written offline", "read")


def test_a_killed_phone_comes_back_with_everything(table, shots):
    ann, bea = table.ann, table.bea
    bea.back()
    bea.enter("Ann")
    bea.field.fill("half a sentence")
    bea.back()
    expect(bea.row("Ann")).to_contain_text("Draft: half a sentence")
    bea.enter("Ann")
    bea.button("Kill Bea’s app").click()
    expect(bea.root.locator(".off")).to_contain_text("The app was killed")
    ann.write("Are you there?")
    ann.has_ticks("Are you there?", "sent")
    table.shot(shots / "killed.png")
    bea.root.locator(".off").get_by_role("button", name="Open again").click()
    bea.sees("Are you there?")
    bea.sees("Good evening, Bea.")
    expect(bea.messages.filter(has_text="Take your time.")).to_have_count(1)
    ann.has_ticks("Are you there?", "read")
    bea.back()
    expect(bea.row("Ann")).to_contain_text("Draft: half a sentence")
    bea.enter("Ann")
    expect(bea.field).to_have_value("half a sentence")
    bea.field.fill("")


def test_timers_of_a_message_and_of_a_conversation(table):
    ann, bea = table.ann, table.bea
    ann.root.locator(".compose").get_by_role("button", name="Timer of this message", exact=False).click()
    ann.root.get_by_role("radio", name="5 minutes").click()
    ann.write("Gone in five minutes.")
    expect(bea.message("Gone in five").locator(".goes")).to_contain_text(re.compile("[45] min"))
    ann.root.locator(".compose").get_by_role("button", name="Timer of this message", exact=False).click()
    ann.root.get_by_role("radio", name="When read").click()
    bea.back()
    ann.write("Read me once.")
    bea.enter("Ann")
    expect(ann.messages.filter(has_text="Read me once.")).to_have_count(0)
    bea.details()
    bea.button("Timer of new messages", exact=False).click()
    bea.root.get_by_role("radio", name="1 week").click()
    expect(ann.root.get_by_text("Bea set the timer: new messages go after 1 week")).to_be_visible()
    ann.write("This one stays for a week.")
    expect(bea.message("stays for a week").locator(".goes")).to_contain_text("7 days")


def test_the_clock_takes_what_has_expired_from_both_phones(table):
    ann, bea = table.ann, table.bea
    table.advance("1 hour")
    for phone in (ann, bea):
        expect(phone.messages.filter(has_text="Gone in five minutes.")).to_have_count(0)
        phone.sees("Good evening, Bea.")
    table.advance("1 day")
    for phone in (ann, bea):
        expect(phone.messages.filter(has_text="Good evening, Bea.")).to_have_count(0)
        phone.sees("This one stays for a week.")
    ann.write("A new day.")
    ann.has_ticks("A new day.", "read")


def test_support_may_write_to_anybody(table):
    sam, bea = table.sam, table.bea
    sam.start("Bea")
    sam.write("Hello Bea, support here. Was everything all right yesterday?")
    bea.back()
    expect(bea.row("Sam").locator(".chip")).to_have_text("support")
    expect(bea.rows).to_have_count(2)
    bea.enter("Sam")
    bea.write("It was, thank you!")
    sam.sees("It was, thank you!")


def test_a_message_is_forwarded_without_saying_whose_it_was(table):
    bea, sam = table.bea, table.sam
    bea.back()
    bea.enter("Ann")
    bea.menu("A new day.", "Forward")
    bea.root.get_by_role("menuitem", name="Sam", exact=True).click()
    expect(bea.root.locator(".thread-title")).to_contain_text("Sam")
    bea.has_ticks("A new day.", "read")
    for phone in (bea, sam):
        expect(phone.message("A new day.").locator(".forwarded")).to_have_text("Forwarded")
        expect(phone.message("A new day.")).not_to_contain_text("Ann")


def test_search_marks_what_it_finds_and_goes_there(table, shots):
    ann, bea = table.ann, table.bea
    bea.back()
    for number in range(1, 54):
        ann.field.fill(f"Idea {number}: the café at pier {number}")
        ann.field.press("Enter")
        expect(ann.field).to_have_value("")
    expect(bea.row("Ann").locator(".badge")).to_contain_text("53")
    bea.root.locator(".list").get_by_role("searchbox", name="Search").fill("CAFE")
    hits = bea.root.locator(".list .hit")
    expect(hits.first).to_contain_text("Idea 53")
    expect(hits.filter(has_text="Idea 6:").locator("mark")).to_have_text(["café"])
    table.shot(shots / "search.png")
    hits.filter(has_text="Idea 6:").click()
    expect(bea.message("Idea 6:")).to_be_focused()
    bea.button("To the newest message", exact=False).or_(bea.root.locator(".jump")).first.click()
    bea.sees("Idea 53:")
    ann.has_ticks("Idea 53:", "read")


def test_old_messages_come_in_pages(table):
    bea = table.bea
    bea.back()
    bea.enter("Ann")
    expect(bea.messages.filter(has_text="Idea 53:")).to_have_count(1)
    before = bea.messages.count()
    assert before == 50
    bea.root.locator(".log").evaluate("log => { log.scrollTop = 0; }")
    expect(bea.messages.filter(has_text="Idea 1:")).to_have_count(1)
    assert bea.messages.count() > before
    assert bea.root.locator(".log").evaluate("log => log.scrollTop") > 200, "what was in sight stays there"


def test_mute_pin_archive_block_and_do_not_disturb(table):
    ann, bea, sam = table.ann, table.bea, table.sam
    bea.back()

    def choose(name, *items):
        bea.root.locator(".row-item").filter(has_text=name).locator(".row").click(button="right")
        for item in items:
            bea.root.get_by_role("menuitem", name=item, exact=True).click()

    choose("Sam", "Pin")
    expect(bea.rows.first).to_contain_text("Sam")
    choose("Ann", "Mute", "For an hour")
    expect(bea.row("Ann")).to_contain_text("muted")
    ann.write("Muted?")
    expect(bea.row("Ann").locator(".badge")).to_contain_text("1")
    expect(bea.root.locator(".banner")).to_have_count(0)
    choose("Ann", "Unmute")
    choose("Ann", "Archive")
    expect(bea.rows).to_have_count(1)
    bea.button("Archived 1").click()
    choose("Ann", "Take out of the archive")
    bea.button("Back to chats").first.click()
    expect(bea.rows).to_have_count(2)

    bea.button("Settings").click()
    bea.root.get_by_role("radio", name="For an hour").click()
    heard = table.page.evaluate(SOUNDS)
    sam.write("One more thing.")
    expect(bea.row("Sam").locator(".badge")).to_contain_text("1")
    assert table.page.evaluate(SOUNDS) == heard, "nothing is heard"
    bea.button("Settings").click()
    bea.root.get_by_role("radio", name="Off", exact=True).click()

    bea.enter("Ann")
    bea.details()
    bea.switch("Block Ann").click()
    bea.close()
    expect(bea.root.locator(".refusal")).to_contain_text("You have blocked Ann.")
    ann.write("Do you read this?")
    ann.has_ticks("Do you read this?", "delivered")
    expect(bea.messages.filter(has_text="Do you read this?")).to_have_count(0)
    bea.root.locator(".refusal").get_by_role("button", name="Unblock").click()
    ann.write("And this?")
    bea.sees("And this?")


def test_the_system_tells_who_looks_elsewhere_and_never_what_was_said(table):
    bea, sam = table.bea, table.sam
    bea.back()
    table.look_elsewhere()
    sam.write("The code of the door is 4711.")
    table.shows("Sam → Bea", MESSAGES)
    said = table.shown()
    assert all(re.fullmatch(MESSAGES, body) for _, body, _ in said), said
    assert "4711" not in str(said)
    table.look_here()
    table.page.evaluate("() => shown.find((note) => note.title === 'Sam → Bea').dispatchEvent(new Event('click'))")
    bea.sees("The code of the door is 4711.")
    sam.has_ticks("The code of the door", "read")


def test_the_system_tells_of_a_call_once_and_as_long_as_it_rings(table):
    ann, bea, sam = table.ann, table.bea, table.sam
    bea.back()
    table.look_elsewhere()
    heard = table.page.evaluate(SOUNDS)
    ann.root.locator(".thread").get_by_role("button", name="Voice call").click()
    table.shows("Ann → Bea", "calls you")
    assert table.page.evaluate(SOUNDS) == heard, "a call has a sound of its own"
    # What else asks for attention brings its hint again.
    sam.write("Call me when you can.")
    table.shows("Sam → Bea", MESSAGES)
    titles = [title for title, body, _ in table.shown() if body == "calls you"]
    assert titles == ["Ann → Bea"]
    assert not table.page.evaluate("() => shown.some((note) => note.taken)"), "it rings"
    bea.button("Decline").click()
    table.page.wait_for_function("() => shown.find((note) => note.body === 'calls you').taken")
    expect(ann.root.locator(".call")).to_be_hidden()
    table.look_here()
    bea.enter("Sam")
    sam.has_ticks("Call me when you can.", "read")


def test_under_do_not_disturb_a_call_is_seen_and_not_heard(table):
    ann, bea = table.ann, table.bea
    ringing = table.page.locator("html")
    bea.back()
    bea.button("Settings").click()
    bea.root.get_by_role("radio", name="For an hour").click()
    expect(bea.root.locator(".status-icons")).to_contain_text("do not disturb")
    table.page.evaluate(
        """() => {
            const root = document.documentElement;
            window.rings = new Set();
            new MutationObserver(() => rings.add(root.dataset.ringing)).observe(root, { attributeFilter: ["data-ringing"] });
        }"""
    )
    table.look_elsewhere()
    ann.root.locator(".thread").get_by_role("button", name="Voice call").click()
    expect(bea.root.locator(".call-state")).to_have_text("Voice call …")
    expect(ringing).to_have_attribute("data-ringing", "out")
    bea.button("Decline").click()
    expect(ann.root.locator(".call")).to_be_hidden()
    expect(ringing).to_have_attribute("data-ringing", "")
    assert sorted(table.page.evaluate("() => [...rings]")) == ["", "out"], "only who calls hears it"
    assert "calls you" not in str(table.shown()), "nor does the system say it"
    table.look_here()
    bea.button("Settings").click()
    bea.root.get_by_role("radio", name="Off", exact=True).click()
    expect(bea.root.locator(".status-icons")).not_to_contain_text("do not disturb")
    bea.enter("Ann")


def test_read_receipts_can_be_turned_off(table):
    ann, bea = table.ann, table.bea
    bea.back()
    bea.button("Settings").click()
    bea.switch("Read receipts").click()
    bea.close()
    bea.enter("Ann")
    ann.write("No blue ticks for this.")
    bea.sees("No blue ticks")
    ann.has_ticks("No blue ticks", "delivered")
    bea.page.wait_for_timeout(1200)
    ann.has_ticks("No blue ticks", "delivered")


def test_certificates_are_renewed_when_weeks_have_passed(table):
    ann, bea = table.ann, table.bea
    for _ in range(14):
        table.advance("1 week")
    for phone in (ann, bea, table.sam):
        expect(phone.root.get_by_role("switch", name=f"{phone.name}’s connection")).to_have_text("Online")
    ann.write("Three months later.")
    bea.sees("Three months later.")
    ann.has_ticks("Three months later.", "delivered")
