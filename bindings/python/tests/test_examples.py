"""The examples, word for word, over the real relay (R41)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Iterator, List

import pytest

HERE = Path(__file__).resolve().parent.parent
# With nothing but the wheel and the WebSocket of the reference relay, where `cargo xtask bindings` says so.
FRESH = os.environ.get("UNDERTONE_FRESH_PYTHON", sys.executable)
RELAY = Path(os.environ.get("UNDERTONE_RELAY", HERE.parent.parent / "target/debug/undertone-relay"))


def first_line(stream: IO[str], begins: str) -> str:
    """The first line that begins so; a program that ends without it has failed."""
    for line in stream:
        if line.startswith(begins):
            return line.removeprefix(begins).strip()
    raise AssertionError(f"the program ended before it said “{begins}”")


def drain(stream: IO[str]) -> None:
    """Takes what else a program prints, so that it never waits for that."""
    threading.Thread(target=lambda: [None for _ in stream], daemon=True).start()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[str]:
    """The address of a relay that certifies whoever asks."""
    assert RELAY.exists(), f"{RELAY} is missing: cargo build -p undertone-relay"
    command = [str(RELAY), "--demo", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "relay")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            address = first_line(process.stdout, "listening on ")
            drain(process.stdout)
            yield address
        finally:
            process.kill()


@pytest.fixture
def support(relay: str, tmp_path: Path) -> Iterator[str]:
    """The support bot of the examples, at that relay."""
    command = [sys.executable, str(HERE / "examples/support_bot.py"), relay, str(tmp_path / "support")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            first_line(process.stdout, "support is online")
            drain(process.stdout)
            yield relay
        finally:
            process.kill()


def examples(folder: Path = HERE) -> List[str]:
    """The programs of the README."""
    return re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text("utf-8"), re.DOTALL)


def test_the_readme_of_all_languages_has_the_first_example_as_well() -> None:
    assert examples(HERE.parent) == examples()[:1]


def test_the_first_example_of_the_readme_asks_the_support_bot(support: str, tmp_path: Path) -> None:
    done = subprocess.run([FRESH, "-c", examples()[0], support], cwd=tmp_path, timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "from 9 to 17" in done.stdout


@pytest.mark.parametrize("number", [1, 2])
def test_the_other_examples_of_the_readme_are_tests_that_pass(number: int, tmp_path: Path) -> None:
    (tmp_path / "test_example.py").write_text(examples()[number], "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-o", "asyncio_mode=auto", "-p", "no:cacheprovider", "test_example.py"]
    done = subprocess.run(command, cwd=tmp_path, timeout=60, capture_output=True, text=True)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
