"""The code blocks of the guides, as they stand in the documents."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCUMENTS = Path(__file__).with_name("documents")

_DIRECTIVE = re.compile(r"^( *)\.\. code(?:-block)?::(?: (\w+))?$")
#: How a line of code begins in the guide that has lost its markup.
_CODE = re.compile(
    r">>> |\$ |# |from \S+ import |import \w|def |for .+:$|try:$|[\w.]+ = |\w+\.\w+\("
)


@dataclass(frozen=True)
class Block:
    """A code block: `line` is where it starts in its document, `language` as marked there."""

    document: str
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """What a test's id shows."""
        return f"{self.document}:{self.line}"


def blocks(document: str) -> list[Block]:
    """All code blocks of a document, in order."""
    lines = (DOCUMENTS / document).read_text("utf-8").splitlines()
    found = _marked(lines) if document.endswith(".rst") else _unmarked(lines)
    return [Block(document, number, language, text) for number, language, text in found]


def _marked(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """The `code` directives of reStructuredText."""
    for number, line in enumerate(lines):
        match = _DIRECTIVE.match(line)
        if match is None:
            continue
        indent = len(match[1]) + 1
        start = end = number + 1
        while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" " * indent)):
            end += 1
        while lines[start].strip().startswith(":") or not lines[start].strip():
            start += 1  # options, as a caption
        text = textwrap.dedent("\n".join(lines[start:end])).strip("\n") + "\n"
        yield start + 1, match[2] or "", text


def _unmarked(lines: list[str]) -> Iterator[tuple[int, str, str]]:
    """Paragraphs of code, told from prose by how they begin; neighbours are one block."""
    block: list[str] = []
    start = 0
    for number, line in enumerate([*lines, "", "Prose"]):
        inside = bool(block)
        if _CODE.match(line) or (inside and (not line.strip() or line[0] in " {})")):
            start = start if inside else number
            block.append(line)
        elif inside and not block[-1].strip():  # prose after an empty line
            text = "\n".join(block).strip("\n") + "\n"
            yield start + 1, "bash" if text.startswith("$ ") else "python", text
            block = []
        elif inside:  # a line of code in the middle of its paragraph
            block.append(line)


def statements(text: str) -> str:
    """The statements of a block; of an interactive session, without prompts and output."""
    if not text.startswith(">>> "):
        return text
    lines = [line for line in text.splitlines() if line.startswith((">>> ", "... "))]
    return "\n".join(line[4:] for line in lines) + "\n"
