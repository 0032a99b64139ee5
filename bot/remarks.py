# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether somebody has already said something at the place of a finding.

Pure.  It does not understand words: who remarks on a line, or a few lines from
it, counts as having said what there is to say, and only tags count as nothing.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable

from bot.outgoing import Mention, Said
from checks.api import Finding, Patch
from checks.source.pattern import pattern

__all__ = ["Thread"]

ABOVE = 5
"""Lines of the diff that a finding may stand above the line that a remark is below: people
quote on to the end of a statement, or of a comment."""
BELOW = 1
"""Lines that it may stand below that line; what follows later is another matter."""

TOGETHER = 4
"""Quoted lines that tell a place from others with the same last line."""

MANY = 8
"""Words beside a Reviewed-by or its like from which on they are a remark, and no farewell."""

_TAG = pattern(r"^[A-Z][A-Za-z]*(?:-[A-Za-z]+)*-by:.*$", re.MULTILINE)


class Thread:
    """What was said, by the patch and by the mail that it answers."""

    def __init__(self, patches: Iterable[Patch], said: Iterable[Said]) -> None:
        self._patches = {patch.msgid: patch for patch in patches}
        self._by_patch: dict[str, list[Said]] = {}
        self._by_parent: dict[str, list[Said]] = {}
        self._places: dict[str, dict[tuple[str, ...], list[int]]] = {}
        self._inline: set[str] = set()
        """Mails that answer line by line: their greeting is no answer to all."""
        for remark in said:
            self._by_parent.setdefault(remark.parent, []).append(remark)
            if remark.quoted:
                self._inline.add(remark.msgid)
            if remark.patch in self._patches and remark.quoted and _says(remark.text):
                self._by_patch.setdefault(remark.patch, []).append(remark)

    def remark(self, finding: Finding) -> Said | None:
        """The first remark in the thread of this revision that is about the place of `finding`."""
        for remark in self._by_patch.get(finding.patch.msgid, ()):
            if remark.own:
                if finding.rule in remark.rules and finding.line_text == remark.line_text:
                    return remark
            elif remark.file in ("", finding.file) and self._near(remark, finding):
                return remark
        return None

    def answer(self, told: Iterable[Mention]) -> Said | None:
        """What a person answered to one of these mails of ours.

        An answer that quotes no line of a diff anywhere is about all that the mail said.
        """
        for mail in told:
            for remark in self._by_parent.get(mail.msgid, ()):
                person = not remark.own and not remark.bot
                if person and (mail.line_text in remark.quoted or self._whole(remark)):
                    return remark
        return None

    def settled(self, finding: Finding) -> Said | None:
        """What a person answered to somebody else's remark about the place of `finding`."""
        for remark in self._by_patch.get(finding.patch.msgid, ()):
            if remark.own or remark.file not in ("", finding.file):
                continue
            if self._near(remark, finding):
                for answer in self._by_parent.get(remark.msgid, ()):
                    other = answer.author.email.lower() != remark.author.email.lower()
                    if other and not answer.own and not answer.bot and self._meets(answer, finding):
                        return answer
        return None

    def _meets(self, answer: Said, finding: Finding) -> bool:
        """Whether the words are about the place, or about all of the mail that they answer."""
        about = self._near(answer, finding) if answer.quoted else self._whole(answer)
        return about and _says(answer.text)

    def _whole(self, answer: Said) -> bool:
        """Whether the words are about all of the mail that they answer."""
        return not answer.quoted and answer.msgid not in self._inline

    def _near(self, remark: Said, finding: Finding) -> bool:
        """Whether the last telling line above the remark is a few lines from the finding."""
        quoted = list(remark.quoted)
        while quoted and not any(map(str.isalnum, quoted[-1])):
            quoted.pop()
        above = tuple(quoted[-TOGETHER:]) or (remark.line_text,)
        known = self._lines(finding.patch.msgid)
        # A line such as "put(it);" stands in many places; those above it tell which one is meant.
        runs = (above[at:] for at in range(len(above)))
        places = next((known[run] for run in runs if run in known), [])
        first = bisect(places, finding.diff_line - BELOW - 1)
        return any(place <= finding.diff_line + ABOVE for place in places[first : first + 1])

    def _lines(self, msgid: str) -> dict[tuple[str, ...], list[int]]:
        """Where each line of a patch's diff stands in it, alone and with those above it.

        Empty lines do not count, since they are not known to be quoted either.
        """
        if msgid not in self._places:
            places = self._places[msgid] = {}
            run: tuple[str, ...] = ()
            for at, line in enumerate(self._patches[msgid].diff.split("\n")):
                if line[1:].strip():
                    run = (*run, line)[-TOGETHER:]
                    for start in range(len(run)):
                        places.setdefault(run[start:], []).append(at)
        return self._places[msgid]


def _says(text: str) -> bool:
    """Whether these are more words than a tag with a farewell."""
    words = _TAG.sub("", text).split()
    return bool(words) and (len(words) >= MANY or _TAG.search(text) is None)
