"""A server of the page and a browser, for the tests beside this file.

`cargo xtask page` sets PHONES (the program), CHROMIUM (the browser) and SHOTS (where pictures of the page go).
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

ARGUMENTS = [
    "--no-sandbox",  # Tests run as root in containers, where Chromium's own cannot be set up.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
]


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server():
    """The address of a server with phones of its own."""
    process = subprocess.Popen(
        [os.environ["PHONES"], "--page"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+/", line)
            if found:
                break
        else:
            pytest.fail("the server ended before it said its address")
        yield found.group()
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="session")
def shots():
    folder = Path(os.environ["SHOTS"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder
