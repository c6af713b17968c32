"""Terminal codes go, lines and colours stay; in linear time."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gc_jupyter.remote_text import harmless, one_line

RED = "\x1b[31mred\x1b[0m"
#: What may be left of control characters: colours, and what moves within a line or to the next.
LEFT = re.compile(
    r"(?:\x1b\[[0-9;:]*m|[\t\n\r\b]"
    r"|[^\x00-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069])*"
)
DIRECTIONS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("plain é ☃ \U0001f600\n", "plain é ☃ \U0001f600\n"),
        (RED, RED),
        ("\x1b[38;2;1;2;3mx\x1b[4:3m", "\x1b[38;2;1;2;3mx\x1b[4:3m"),
        ("10%\r20%\r\n\tdone\b\b", "10%\r20%\r\n\tdone\b\b"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]52;c;cm0gLXJmIH4=\x07b", "ab"),  # the clipboard
        ("a\x1b]52;c;cm0gLXJmIH4=\x1b\\b", "ab"),
        ("a\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x1bP1$r0m\x1b\\b\x1b_x\x1b\\c\x1b^x\x1b\\d\x1bXx\x1b\\e", "abcde"),
        ("a\x1b[2J\x1b[1;1H\x1b[3Ab\x1b[K", "ab"),
        ("a\x1b[?1049h\x1b[6n\x1b[5;1!pb", "ab"),  # other screen, answer-back, reset
        ("a\x1bc\x1b7\x1b(0b", "ab"),
        ("a\x9b2J\x9d0;t\x9cb\x90\x84", "a2J0;tb"),  # the same in one character each
        ("a\x00\x07\x0e\x7fb", "ab"),
        ("half \ud800 \udfff", "half \ufffd \ufffd"),
        ("no end \x1b]0;title, and more\nnext", "no end 0;title, and more\nnext"),
        ("\x1b", ""),
        ("\x1b[", ""),
        ("\x1b\x1b]0;a\x07b", "b"),
    ],
)
def test_what_is_left(text: str, left: str) -> None:
    assert harmless(text) == left


def test_controls_of_writing_direction_are_shown() -> None:
    """Otherwise a name reads as another's, and code as other code (CVE-2021-42574)."""
    shown = "".join(f"\\u{ord(ch):04x}" for ch in DIRECTIONS)
    assert harmless(f"a{DIRECTIONS}b\n") == f"a{shown}b\n"
    assert one_line(f"a{DIRECTIONS}b", 200) == f"a{shown}b"
    assert one_line("sirolap\u202e") == "sirolap\\u202e"
    assert harmless("\u05e9\u05dc\u05d5\u05dd") == "\u05e9\u05dc\u05d5\u05dd"  # Hebrew itself stays


@given(st.text(st.sampled_from("\x1b[]PX^_\\;0125mHc\x07\x9b\x9d\x9c\nab\ud800") | st.characters()))
def test_nothing_else_is_ever_left(text: str) -> None:
    assert LEFT.fullmatch(harmless(text))
    assert harmless(harmless(text)) == harmless(text)
    assert one_line(text).isprintable()


@pytest.mark.parametrize("part", ["\x1b]", "\x1b[", "\x1b", "\x1b]0;x\x07", "\x1b[31m", "x\x00"])
def test_linear_time(part: str) -> None:
    start = time.perf_counter()
    harmless(part * 400_000)
    assert time.perf_counter() - start < 20  # squared, it would take hours


def test_one_line_has_no_control_characters() -> None:
    assert one_line("a\r\nb\tc\x1b]0;x\x07 \u202e d") == "a b c]0;x \\u202e d"
    assert one_line("x" * 100) == "x" * 79 + "…"
    assert one_line("\x00" * 10**7 + "x") == ""  # looks at the first few hundred characters
