"""The page as a person uses it: by what is written on it, never by its code."""

import re
import struct
import zlib

from playwright.sync_api import Page, expect

SOON = 40_000
expect.set_options(timeout=SOON)
WIDE = {"width": 1440, "height": 900}


def open_page(browser, address, **options):
    """A page with its own storage; it fails on whatever the browser complains about."""
    context = browser.new_context(viewport=WIDE, locale="en-GB", reduced_motion="reduce", **options)
    page = context.new_page()
    page.set_default_timeout(SOON)
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.complaints.append(message.text))
    page.goto(address)
    page.wait_for_selector("html[data-ready]", state="attached", timeout=2 * SOON)
    return page


class Phone:
    """One of the three phones."""

    def __init__(self, page: Page, user: str):
        self.page = page
        self.name = user.capitalize()
        self.root = page.locator(f"section[data-user={user}]")

    def button(self, name, exact=True):
        return self.root.get_by_role("button", name=name, exact=exact)

    @property
    def rows(self):
        return self.root.locator(".list .rows .row")

    @property
    def field(self):
        return self.root.get_by_role("textbox", name="Message", exact=True)

    @property
    def messages(self):
        return self.root.locator(".messages > .message")

    def message(self, text):
        return self.messages.filter(has_text=text).last

    def row(self, name):
        return self.rows.filter(has_text=name)

    def start(self, name):
        self.button("New conversation").click()
        self.button(f"Message {name}").click()
        expect(self.field).to_be_focused()

    def enter(self, name):
        self.row(name).click()
        expect(self.field).to_be_focused()

    def back(self):
        self.root.locator(".thread").get_by_role("button", name="Back to chats").click()

    def write(self, text):
        self.field.fill(text)
        self.field.press("Enter")
        expect(self.message(text)).to_be_visible()
        expect(self.field).to_have_value("")

    def sees(self, text):
        expect(self.message(text)).to_be_visible()

    def has_ticks(self, text, state):
        expect(self.message(text).locator(".bubble .ticks")).to_have_attribute("data-state", state)

    def menu(self, text, item):
        """Chooses from the menu of a message, which the right mouse button or a long touch opens."""
        self.message(text).locator(".bubble").click(button="right", position={"x": 14, "y": 22})
        self.root.get_by_role("menuitem", name=item, exact=True).click()

    def details(self):
        self.root.locator(".thread-title").click()

    def switch(self, name):
        return self.root.get_by_role("switch", name=re.compile(name))

    def close(self):
        self.button("Close").click()

    def type_until(self, shown):
        """Types, as long as it takes until something shows."""
        for letter in "I know a place by the window, near the harbour, with candles and a view of the sea " * 8:
            self.field.press_sequentially(letter)
            if shown.count():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("nobody saw it")

    def net(self, on):
        switch = self.root.get_by_role("switch", name=f"{self.name}’s connection")
        switch.click()
        expect(switch).to_have_text("Online" if on else "Offline")


def png(path, width=640, height=420):
    """A picture of an evening by the sea."""
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            sun = (x - width * 0.68) ** 2 + (y - height * 0.42) ** 2 < (height * 0.13) ** 2
            if sun and y < height * 0.6:
                rows += bytes((255, 214, 130))
            elif y < height * 0.6:
                t = y / (height * 0.6)
                rows += bytes((int(70 + 180 * t), int(60 + 80 * t), int(130 - 20 * t)))
            else:
                t = (y - height * 0.6) / (height * 0.4)
                glow = max(0, 1 - abs(x - width * 0.68) / (width * (0.08 + 0.2 * t)))
                rows += bytes((int(50 + 150 * glow), int(60 + 70 * glow), int(105 - 30 * t)))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")
    )
    return path


def drop(page, target, path, media_type):
    """Drags a file from outside onto the page."""
    data = page.evaluate_handle(
        """([bytes, name, type]) => {
            const data = new DataTransfer();
            data.items.add(new File([Uint8Array.from(bytes)], name, { type }));
            return data;
        }""",
        [list(path.read_bytes()), path.name, media_type],
    )
    for event in ("dragenter", "dragover", "drop"):
        target.dispatch_event(event, {"dataTransfer": data})
