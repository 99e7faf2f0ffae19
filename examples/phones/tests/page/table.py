"""The page as a person uses it: by what is written on it, never by its code."""

import re

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
