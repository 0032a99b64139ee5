# SPDX-License-Identifier: GPL-2.0-or-later
"""What the replies of a thread say, and under which quoted diff lines of which patch.

A line counts as quoted only when it really stands in that patch's diff, looked
up without its blanks, since mailers wrap and indent anew.  It does not judge
what is said, and never raises.  Time is linear in the size of the mails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bot.model import Mail, Posting
from bot.outgoing import Said
from bot.recipients import is_bot
from bot.sources.body import without_footer
from bot.sources.header import HEADER_CAP, split_head, unfold
from bot.sources.mail import MAIL_CAP, Scan, parse_mail, scan
from bot.sources.subject import parse_subject
from bot.sources.threads import ancestors
from checks.source.diff import split_sections
from checks.source.pattern import pattern

__all__ = ["said"]

VARIANTS = 16
"""Lines of one file that differ in nothing but blanks and are told apart."""

_QUOTE = pattern(r"[ \t]{0,3}>(?:[ \t]?>)*[ ]?")
_HEADER = pattern(r"(?:\+\+\+ b/|diff --git a/\S{1,1000} b/)(\S{1,1000})")
_RULES = pattern(
    rb"\nX-Revokebot-Rules[ \t]*:[ \t]*([^\n]{0,8000}(?:\n[ \t][^\n]{0,998}){0,99})", re.IGNORECASE
)
_RULE = pattern(r"[a-z0-9][a-z0-9-]{0,80}")


class _Place(NamedTuple):
    """One line of a diff: whose it is."""

    patch: str
    file: str
    whole: str


class _Diff:
    """The lines of what a mail can answer: one patch, or all of a series by its cover letter."""

    def __init__(self) -> None:
        self.places: dict[str, dict[str, list[_Place]]] = {}
        self.files: set[str] = set()

    def add(self, msgid: str, diff: str) -> None:
        for section in split_sections(diff):
            self.files.add(section.path)
            body = section.text.find("\n@@")
            for line in section.text[body + 1 :].split("\n") if body >= 0 else ():
                if line[:1] in ("+", "-", " "):
                    self._file(_key(line), _Place(msgid, section.path, line))

    def _file(self, key: str, place: _Place) -> None:
        alike = self.places.setdefault(key, {}).setdefault(place.file, [])
        if len(alike) < VARIANTS and place.whole not in [known.whole for known in alike]:
            alike.append(place)

    def find(self, line: str, file: str) -> _Place | None:
        """The line that looks like `line`, byte for byte if possible, in `file` where it is."""
        files = self.places.get(key := _key(line))
        if not files or len(key) < 2:
            return None
        alike = files.get(file) or next(iter(files.values()))
        return next((place for place in alike if place.whole == line), alike[0])


class _Block(NamedTuple):
    """Some quoted diff lines and the words below them."""

    places: tuple[_Place, ...]
    file: str
    text: str


def said(
    raws: Iterable[bytes], postings: Sequence[Posting], own: str, bots: frozenset[str] = frozenset()
) -> tuple[Said, ...]:
    """Read the replies to the patches and covers of `postings`, in the order of `raws`.

    Parameters
    ----------
    raws: all mails of the threads, patches among them
    own: the address that this bot writes from
    bots: addresses of further programs, lower case

    Returns one remark for each stretch of unquoted words.
    """
    diffs = _diffs(postings)
    heads: dict[str, tuple[Scan, bytes]] = {}
    for raw in raws:
        head = scan(raw)
        heads.setdefault(head.msgid, (head, raw))
    parents = {msgid: head.in_reply_to for msgid, (head, _raw) in heads.items()}
    remarks: list[Said] = []
    for msgid, (head, raw) in heads.items():
        subject = parse_subject(head.subject)
        if msgid in diffs or (subject.patch and not subject.reply):
            continue
        answered = next((one for one in ancestors(head, parents) if one in diffs), None)
        if answered is not None:
            remarks += _remarks(parse_mail(raw), raw, answered, diffs[answered], own, bots)
    return tuple(remarks)


def _diffs(postings: Iterable[Posting]) -> dict[str, _Diff]:
    diffs: dict[str, _Diff] = {}
    for posting in postings:
        for msgid in posting.mails:
            diffs.setdefault(msgid, _Diff())
        for patch in posting.series.patches:
            diffs.setdefault(patch.msgid, _Diff()).add(patch.msgid, patch.diff)
            if posting.cover is not None and posting.cover.msgid != patch.msgid:
                diffs[posting.cover.msgid].add(patch.msgid, patch.diff)
    return diffs


def _remarks(
    mail: Mail, raw: bytes, answered: str, diff: _Diff, own: str, bots: frozenset[str]
) -> Iterator[Said]:
    rules = _rules(raw)
    ours = bool(own) and mail.sender.email.lower() == own.lower()
    ours = ours or (mail.msgid.startswith("revokebot-") and bool(rules))
    robot = mail.automatic or is_bot(mail.author, bots)
    for block in _blocks(without_footer(mail.text), diff):
        last = block.places[-1] if block.places else _Place(answered, block.file, "")
        yield Said(
            msgid=mail.msgid,
            patch=last.patch,
            author=mail.author,
            own=ours,
            bot=robot and not ours,
            date=mail.date,
            file=last.file,
            line_text=last.whole,
            quoted=tuple(place.whole for place in block.places),
            text=block.text,
            rules=rules if ours else (),
            parent=mail.in_reply_to,
        )


def _rules(raw: bytes) -> tuple[str, ...]:
    """The rules that a mail of this bot names in its header, which no other part needs."""
    match = _RULES.search(split_head(raw[:MAIL_CAP])[0][:HEADER_CAP])
    return tuple(_RULE.findall(unfold(match[1]))) if match else ()


def _blocks(text: str, diff: _Diff) -> Iterator[_Block]:
    """Cut a reply where quoted lines follow unquoted words."""
    places: list[_Place] = []
    words: list[str] = []
    file = ""
    lines = text.split("\n")
    skip = False
    for at, line in enumerate(lines):
        mark = _QUOTE.match(line)
        if skip:
            skip = False
            continue
        if mark is None:
            words.append(line)
            continue
        if any(word.strip() for word in words):
            if spoken := _spoken(words, first=not places and not file):
                yield _Block(tuple(places), file, spoken)
            places = []
        words = []
        quoted = line[mark.end() :]
        if (header := _HEADER.match(quoted)) and header[1] in diff.files:
            file = header[1]
            continue
        place, skip = _look_up(quoted, lines[at + 1 : at + 2], diff, file)
        if place is not None:
            places.append(place)
            file = place.file
    if spoken := _spoken(words, first=False):
        yield _Block(tuple(places), file, spoken)


def _look_up(quoted: str, below: list[str], diff: _Diff, file: str) -> tuple[_Place | None, bool]:
    """The diff line that is quoted, and whether it was wrapped onto the line below."""
    place = diff.find(quoted, file)
    if place is not None or not below or not quoted.strip():
        return place, False
    mark = _QUOTE.match(below[0])
    rest = below[0][mark.end() :] if mark else below[0]
    place = diff.find(f"{quoted.rstrip()} {rest.strip()}", file) if rest.strip() else None
    return place, place is not None


def _key(line: str) -> str:
    """Sign and text without blanks: by this, lines are the same."""
    sign = line[0] if line[:1] in ("+", "-") else " "
    return sign + "".join((line[1:] if sign != " " else line).split())


def _spoken(words: list[str], *, first: bool) -> str:
    """The words, without the attribution that stands above the first quotation."""
    text = "\n".join(words).strip()
    if first and text.endswith(":"):
        text = text.rpartition("\n\n")[0].strip()
    return text
