# SPDX-License-Identifier: GPL-2.0-or-later
"""Read what a subject says of a patch: `[PATCH rdma-next v3 02/10] title` and its kin.

Works on decoded, unfolded subjects.  List tags that a mailing list puts in
front (`[some-list] Re: [PATCH ..]`) are seen through: taking such a reply for
a patch is the commonest error of patch tools.  It decides nothing by the body.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from checks.source.pattern import pattern

__all__ = ["Subject", "parse_subject"]

SUBJECT_CAP = 2000
"""Characters looked at."""

_REPLY = pattern(
    r"(?:re|aw|antw|antwort|sv|vs|ynt|odp|r|rif|fwd?|wg|tr|forward(?:ed)?|回复|答复|回覆|转发|轉寄)"
    r"(?:\[\d{1,4}\]|\(\d{1,4}\)|\^\d{1,4})?[ \t]*[:\uff1a]",
    re.IGNORECASE,
)
_WORDS = pattern(r"[^\s,;]+")
_PART = pattern(r"(\d{1,4})/(\d{1,4})")
_PATCH = pattern(r"(?:rfc[-_]?)?patch(?:[-_]?v?(\d{1,3}))?", re.IGNORECASE)
_REVISION = pattern(r"(?:rfc[-_]?)?v\.?(\d{1,3})(?:[a-z]|\.\d{1,2})?", re.IGNORECASE)
_BRANCH = pattern(r"v?\d{1,2}\.\d{1,3}[\w.-]{0,20}")
_PULL = pattern(r"(?:git[- ]?)?pull(?:[ -]?request)?\b", re.IGNORECASE)
_PULL_TITLE = pattern(r"git[- ]pull\b|pull[- ]request\b", re.IGNORECASE)


class Subject(NamedTuple):
    """What the brackets in front of a title say."""

    title: str
    """The text behind prefixes and brackets."""
    reply: bool = False
    """An answer or a forward, however it is spelt."""
    patch: bool = False
    """A bracket names a patch, an RFC or a part number."""
    pull: bool = False
    rfc: bool = False
    resend: bool = False
    revision: int = 1
    number: int | None = None
    """Part number; 0 is the cover letter; None when the subject gives none."""
    total: int | None = None
    branch: str = ""
    """A release named in the bracket, as for stable: `5.10`."""

    @property
    def cover(self) -> bool:
        return self.patch and not self.reply and self.number == 0


@lru_cache(maxsize=4096)  # replies repeat the subject that they answer
def parse_subject(text: str) -> Subject:
    """Parse a decoded, unfolded subject.  Time is linear in its length."""
    text = text[:SUBJECT_CAP]
    brackets: list[str] = []
    reply = False
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
        elif text[at] == "[" and (end := text.find("]", at)) > 0:
            brackets.append(text[at + 1 : end])
            at = end + 1
        elif match := _REPLY.match(text, at):
            reply = True
            at = match.end()
        else:
            break
    title = text[at:].strip()
    return _read(brackets, reply, title)


def _read(brackets: list[str], reply: bool, title: str) -> Subject:
    patch = rfc = resend = numbered = False
    revision, number, total, branch = 1, None, None, ""
    for word in _WORDS.findall(" ".join(brackets)):
        if match := _PATCH.fullmatch(word):
            patch = True
            rfc = rfc or word[0] in "rR"
            revision = int(match[1]) if match[1] else revision
        elif match := _PART.fullmatch(word):
            number, total = int(match[1]), int(match[2])
            numbered = True
        elif match := _REVISION.fullmatch(word):
            revision = int(match[1])
            rfc = rfc or word[0] in "rR"
        elif word.lower() == "rfc":
            rfc = True
        elif word.lower() in ("resend", "repost", "re-send"):
            resend = True
        elif _BRANCH.fullmatch(word):
            branch = word
    pull = any(_PULL.match(bracket.strip()) for bracket in brackets)
    pull = pull or bool(_PULL_TITLE.match(title))
    return Subject(
        title=title,
        reply=reply,
        patch=(patch or rfc or numbered) and not pull,
        pull=pull,
        rfc=rfc,
        resend=resend,
        revision=revision,
        number=number,
        total=total,
        branch=branch,
    )
