"""R42: how the page looks and is used: by keyboard alone, by screen readers (axe), in the dark, on a real phone's width."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from table import SOON, Phone, drop, open_page, png

PHONE = {"width": 390, "height": 844}
TALK = [
    ("ann", "Good evening, Bea. Are you free on Friday?"),
    ("bea", "Good evening, Ann! Yes, from seven on."),
    ("ann", "Shall we meet at the harbour? I would like to see the lights."),
    ("bea", "With pleasure. I know a place with a table by the window."),
    ("ann", "Then I will book it for eight. 🥂"),
]


@pytest.fixture(scope="module")
def page(browser, server):
    page = open_page(browser, server, color_scheme="light")
    yield page
    assert page.complaints == []
    page.context.close()


def judge(page, what, within=None):
    """Fails on whatever axe finds, in all of the page or within a part: WCAG 2.2 A and AA, and what is good practice."""
    page.evaluate("() => Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})))")
    found = Axe().run(page, context=within, options={"resultTypes": ["violations"]})
    problems = [
        f"{one['id']} ({one['impact']}): {one['help']}\n      "
        + "\n      ".join(f"{node['html'][:160]}: {node['any'][0]['message'] if node['any'] else ''}" for node in one["nodes"])
        for one in found.response["violations"]
    ]
    assert problems == [], f"{what}: " + "\n   ".join(problems)


def tab_to(page, name):
    """Presses the tab key until something of this name has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        label = page.evaluate(
            "() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText ?? ''"
        )
        if re.search(name, label):
            return
    raise AssertionError(f"the tab key leads to nothing called {name}")


def test_an_empty_table_is_accessible(page):
    judge(page, "empty")


def test_a_conversation_by_keyboard_alone(page):
    ann, bea = Phone(page, "ann"), Phone(page, "bea")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the phones")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "^New conversation$")
    page.keyboard.press("Enter")
    tab_to(page, "^Message Bea$")
    judge(page, "people", "section[data-user=ann]")
    page.keyboard.press("Enter")
    expect(ann.field).to_be_focused()
    page.keyboard.type(TALK[0][1])
    page.keyboard.press("Enter")
    expect(ann.root.get_by_role("dialog", name="Notifications")).to_be_visible()
    judge(page, "notifications", "section[data-user=ann]")
    page.keyboard.press("Escape")
    expect(ann.field).to_be_focused()
    bea.row("Ann").focus()
    page.keyboard.press("Enter")
    expect(bea.field).to_be_focused()
    # From the field up to the messages, into the menu of one, and back to the field with an answer.
    page.keyboard.press("ArrowUp")
    expect(bea.message("Are you free on Friday?")).to_be_focused()
    page.keyboard.press("Enter")
    judge(page, "menu of a message", "section[data-user=bea]")
    for _ in range(10):
        if page.evaluate("() => document.activeElement.innerText") == "Reply":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(bea.field).to_be_focused()
    page.keyboard.type(TALK[1][1])
    page.keyboard.press("Enter")
    expect(ann.message("from seven on").get_by_role("button", name="In reply to You")).to_be_visible()
    # A reaction.
    ann.field.focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(ann.button("React with 👍")).to_be_focused()
    page.keyboard.press("Enter")
    expect(bea.message("from seven on").locator(".reaction")).to_have_text("👍")
    # And out of the conversation.
    bea.field.focus()
    page.keyboard.press("Escape")
    expect(bea.row("Ann")).to_be_focused()
    page.keyboard.press("Enter")
    expect(bea.field).to_be_focused()


def test_what_people_write_is_text(page):
    ann, bea = Phone(page, "ann"), Phone(page, "bea")
    bad = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
    ann.write(bad)
    bea.sees(bad)
    expect(bea.message(bad).locator("img, script")).to_have_count(0)
    expect(page).to_have_title("Undertone: three phones and a relay")
    ann.menu(bad, "Delete for everyone")
    expect(bea.messages.filter(has_text="onerror")).to_have_count(0)


def test_every_screen_is_accessible(page, shots, tmp_path):
    ann, bea, sam = (Phone(page, user) for user in ("ann", "bea", "sam"))
    for user, text in TALK[2:]:
        Phone(page, user).write(text)
    drop(page, bea.root.locator(".thread"), png(tmp_path / "harbour.png"), "image/png")
    judge(page, "a file to be sent", "section[data-user=bea]")
    bea.root.get_by_role("textbox", name="Caption").fill("The view from there")
    bea.switch("Blur until tapped").click()
    bea.root.locator(".sheet").get_by_role("button", name="Send").click()
    ann.sees("The view from there")
    expect(ann.messages.last.locator("canvas")).to_be_visible()
    sam.start("Bea")
    sam.write("Hello Bea, this is support. Is everything all right?")
    bea.back()
    expect(bea.row("Sam").locator(".badge")).to_contain_text("1")
    ann.details()
    ann.button("Safety number", exact=False).click()
    ann.button("They are the same").click()
    page.mouse.move(2, 2)
    expect(bea.root.locator(".banner")).to_have_count(0, timeout=SOON)
    expect(bea.row("Ann").locator(".ticks")).to_have_attribute("data-state", "read")
    assert page.evaluate("() => document.documentElement.scrollHeight <= innerHeight"), "nothing sticks out"
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        name = "phones.png" if theme == "light" else "phones-dark.png"
        page.screenshot(path=shots / name, animations="disabled", caret="hide")
        judge(page, theme)
        screens(page, ann, bea, theme, shots)
    page.emulate_media(color_scheme="light")


def screens(page, ann, bea, theme, shots):
    def look(what, phone):
        page.screenshot(path=shots / f"look-{theme}-{what}.png", animations="disabled", caret="hide")
        judge(page, f"{theme}, {what}", f"section[data-user={phone.name.lower()}]")

    ann.details()
    look("details", ann)
    ann.button("Timer of new messages", exact=False).click()
    look("timer", ann)
    page.keyboard.press("Escape")
    ann.root.locator(".compose").get_by_role("button", name="Emoji").click()
    look("emoji", ann)
    page.keyboard.press("Escape")
    bea.button("Settings").click()
    look("settings", bea)
    bea.close()
    bea.root.locator(".list").get_by_role("searchbox", name="Search").fill("table")
    expect(bea.root.locator(".list .hit mark")).to_have_text(["table"])
    look("search", bea)
    bea.button("Clear search").first.click()
    ann.root.locator(".thread").get_by_role("button", name="Voice call").click()
    expect(bea.root.locator(".call-state")).to_have_text("Voice call …")
    look("ringing", bea)
    bea.button("Answer").click()
    expect(ann.root.locator(".call-check")).to_be_visible()
    look("call", ann)
    ann.button("Hang up").click()
    expect(ann.root.locator(".call")).to_be_hidden()
    bea.button("Kill Bea’s app").click()
    look("killed", bea)
    bea.root.locator(".off").get_by_role("button", name="Open again").click()
    expect(bea.row("Ann")).to_be_visible()


def test_the_theme_can_be_chosen_and_stays(page):
    page.get_by_role("button", name="Theme: As the system").click()
    page.get_by_role("button", name="Theme: Light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    background = page.evaluate("() => getComputedStyle(document.querySelector('.glass')).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", background)[:3])) < 150, background
    page.get_by_role("button", name="Theme: Dark").click()


def test_on_a_phone_one_phone_is_shown(browser, server, page, shots):
    small = open_page(browser, server, color_scheme="light")
    small.set_viewport_size(PHONE)
    ann, bea = Phone(small, "ann"), Phone(small, "bea")
    expect(ann.root).to_be_visible()
    expect(bea.root).to_be_hidden()
    assert small.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    judge(small, "a phone's width, list")
    ann.enter("Bea")
    small.wait_for_timeout(200)
    judge(small, "a phone's width, conversation")
    assert small.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    small.screenshot(path=shots / "phone-width.png", animations="disabled", caret="hide")
    for target in ann.root.locator(".thread button:visible, .compose textarea").all():
        box = target.bounding_box()
        assert box["width"] >= 24 and box["height"] >= 24, target.inner_html()
    small.get_by_role("tab", name="Bea").click()
    expect(bea.root).to_be_visible()
    expect(ann.root).to_be_hidden()
    small.keyboard.press("ArrowRight")
    small.keyboard.press("ArrowRight")
    expect(small.get_by_role("region", name="Log of the relay")).to_be_visible()
    judge(small, "a phone's width, relay")
    small.screenshot(path=shots / "look-phone-relay.png", animations="disabled")
    small.set_viewport_size({"width": 320, "height": 568})
    small.get_by_role("tab", name="Ann").click()
    expect(ann.field).to_be_visible()
    assert small.evaluate("() => document.documentElement.scrollWidth") <= 320
    small.screenshot(path=shots / "look-phone-small.png", animations="disabled")
    small.set_viewport_size({"width": 1180, "height": 820})
    expect(bea.root).to_be_visible()
    small.screenshot(path=shots / "look-tablet.png", animations="disabled")
    assert small.complaints == []
    small.context.close()


def test_the_page_says_where_the_engines_run(page):
    page.locator("summary[aria-label='About this page']").click()
    expect(page.get_by_text("The three engines run in the server process")).to_be_visible()
    judge(page, "about")
