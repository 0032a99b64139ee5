# SPDX-License-Identifier: GPL-2.0-or-later
"""From the text of a patch mail to its commit message and its diff.

The diff begins at its first real file header, and ends where its last hunk
has had all the lines that it announced: no guess by the look of a signature.
Hunks before the last one are left to the diff parser.  It mends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from checks.source.pattern import pattern

__all__ = ["Body", "find_diff", "is_pull_request", "split_body", "without_footer"]

_HUNK = pattern(r"@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@")
_AFTER_GIT = pattern(
    r"index [0-9a-f]{4,64}\.\.[0-9a-f]{4,64}|(?:old|new|deleted file|new file) mode [0-7]{6}\r?$"
    r"|(?:dis)?similarity index \d{1,3}%|(?:rename|copy) from .|--- .|Binary files ."
    r"|GIT binary patch",
    re.MULTILINE,
)
_EXTENDED = pattern(
    r"diff --git .|index [0-9a-f]{4,64}\.\.|(?:old|new|deleted file|new file) mode [0-7]{6}"
    r"|(?:dis)?similarity index \d|(?:rename|copy) (?:from|to) .|Binary files ."
)
_FOOTER = pattern(r"\n(?:-- ?|_{30,})(?:\n|$)")
_SCISSORS = pattern(r"-{1,40} ?(?:>8|8<|>%|%<) ?-[- >8<%]{0,40}$", re.MULTILINE)
_BASEMENT = pattern(r"---[ \t]*$", re.MULTILINE)
_IN_BODY = pattern(r"(?:From|Subject|Date): \S")
_PULL = "\nThe following changes since commit "
_PULL_LATER = "are available in the "


class Body(NamedTuple):
    """A patch mail's text, taken apart."""

    message: str
    """Commit message, without in-body headers, scissored preface or what stands below `---`."""
    diff: str
    """From the first file header on, ending in LF; empty when there is none."""
    sound: bool
    """Whether the last hunk has the lines it announced and no header was seen without its diff."""


def is_pull_request(text: str) -> bool:
    """Whether `git request-pull` wrote this."""
    return _PULL in "\n" + text and _PULL_LATER in text


def split_body(text: str) -> Body:
    """Take commit message and diff apart.  Linear in the length of `text`."""
    start = find_diff(text)
    if start < 0:
        shown = text.startswith("diff --git ") or "\ndiff --git " in text
        return Body(_message(without_footer(text)), "", sound=not shown)
    diff, sound = _cut(text[start:])
    return Body(_message(text[:start]), diff, sound)


def find_diff(text: str) -> int:
    """Offset of the first real file header, or -1.

    Real is `diff --git` followed by a line that git puts there, or `---` and
    `+++` followed by a hunk; prose and replies quote or describe neither.
    """
    git = next((at for at in _lines(text, "diff --git ") if _git_header(text, at)), -1)
    before = text[: git + 1] if git >= 0 else text
    return next((at for at in _lines(before, "--- ") if _plain_header(text, at)), git)


def _lines(text: str, prefix: str) -> Iterator[int]:
    """Offsets of the lines that start with `prefix`."""
    if text.startswith(prefix):
        yield 0
    at = text.find("\n" + prefix)
    while at >= 0:
        yield at + 1
        at = text.find("\n" + prefix, at + 1)


def _git_header(text: str, at: int) -> bool:
    end = text.find("\n", at)
    return end > 0 and _AFTER_GIT.match(text, end + 1) is not None


def _plain_header(text: str, at: int) -> bool:
    plus = text.find("\n", at) + 1
    if not plus or not text.startswith("+++ ", plus):
        return False
    hunk = text.find("\n", plus) + 1
    return bool(hunk) and _HUNK.match(text, hunk) is not None


def _cut(text: str) -> tuple[str, bool]:
    """The diff without what follows its last hunk, and whether that hunk is whole."""
    at = text.rfind("\n@@ -")
    while at >= 0 and not _HUNK.match(text, at + 1):
        at = text.rfind("\n@@ -", 0, at)
    end = _hunk_end(text, at + 1) if at >= 0 else 0
    if end >= 0:
        end = _headers_end(text, end)
        if (
            at >= 0
            or _FOOTER.match("\n" + text[end : end + 40])
            or not text[end : end + 40].strip()
        ):
            return text[:end], True
    footer = _FOOTER.search(text, max(at, 0))
    return (text[: footer.start() + 1] if footer else text), False


def _hunk_end(text: str, at: int) -> int:
    """Offset behind the hunk at `at`, or -1 when it has other lines than it announced."""
    match = _HUNK.match(text, at)
    assert match is not None
    old, new = (1 if count is None else int(count) for count in match.groups())
    at = text.find("\n", at) + 1
    while at and (old > 0 or new > 0):
        sign = text[at : at + 1]
        if sign in (" ", "\n", "\r"):
            old, new = old - 1, new - 1
        elif sign == "-":
            old -= 1
        elif sign == "+":
            new -= 1
        elif sign != "\\":
            return -1
        at = text.find("\n", at) + 1
    if old or new:
        return -1
    if text.startswith("\\ ", at) and at:
        at = text.find("\n", at) + 1
    return at or len(text)


def _headers_end(text: str, at: int) -> int:
    """Offset behind the file headers without hunks (renames, modes, binaries) at `at`."""
    while at < len(text):
        if text.startswith("GIT binary patch", at):
            footer = _FOOTER.search(text, at)
            return footer.start() + 1 if footer else len(text)
        if not _EXTENDED.match(text, at):
            break
        at = text.find("\n", at) + 1 or len(text)
    return at


def _message(text: str) -> str:
    cuts = [match.end() for at in _lines(text, "-") if (match := _SCISSORS.match(text, at))]
    text = text[max(cuts, default=0) :]
    basement = next((at for at in _lines(text, "---") if _BASEMENT.match(text, at)), len(text))
    lines = text[:basement].strip("\n").split("\n")
    while lines and _IN_BODY.match(lines[0]):
        lines.pop(0)
    return "\n".join(lines).strip("\n").rstrip()


def without_footer(text: str) -> str:
    """Text up to its signature or list footer."""
    footer = _FOOTER.search("\n" + text)
    return text[: max(footer.start(), 0)] if footer else text
