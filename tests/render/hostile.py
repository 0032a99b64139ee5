# SPDX-License-Identifier: GPL-2.0-or-later
"""What hostile mails are made of, and what must hold of every mail that answers one."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import NamedTuple

from bot.model import Mail, Review
from bot.outgoing import Entry, Status
from bot.render.body import Part, Point, body
from bot.render.mail import Reply
from tests.render.independent import Read, read
from tests.render.reviews import MASK, SETTINGS

__all__ = ["ATOMS", "Answered", "all_sound", "text"]

ATOMS = (
    "\r\nBcc: v@example.org\r\n", "\nX-Evil: 1", "\r", "\0", "\x1b[2J", "\x85", "\u2028", "\u2029",
    "\u202e", "\u2066", "\u2069", "\u200f", "\u061c", "\ufeff", "\x7f", "\x9b", "\t", "\x0b", "\x0c",
    "{{ 7 * 7 }}", "{% for x in y %}", "{# a", "#}", "{{ settings.operator }}", "%s", "{0}",
    "=?utf-8?q?=0D=0ABcc:_v@example.org?=", "=?us-ascii?b?", "?=", "=?", "\r\n folded", "\n\tfolded",
    "größe", "名前", "\U0001f600", "\udc80", "\ud800", "e\u0301", "<", ">", ",", ";", ":", '"', "\\", "(",
    ")", "@", "[PATCH v2]", " ", "  ", "a", "dma_buf", "-- ", "\n-- \n", "\nFrom x", "\n.\n", "=", "=20",
    "> ", "\n> ", "--- a/x", "+++ b/x", "@@ -1 +1 @@", "diff --git a/x b/x", "---\n", "x" * 80, "ö" * 300,
    "\r\n\r\n", "\n\n", "a: b@example.org, c@example.org;", "(a (b) c)", "\r\nContent-Type: text/html",
    "=?iso-8859-1?b?w7bD?=", "=?x-none?q?a=?=", "=?utf-8?b?Cg==?=", "=?utf-16?b?//4KAA==?=", ".", "..",
)  # fmt: skip

NAMES = (
    "From", "To", "Cc", "Subject", "In-Reply-To", "References", "Auto-Submitted", "X-Patchwork-Hint",
    "X-Revokebot-Rules", "X-Revokebot-Version", "Date", "Message-ID", "MIME-Version",
    "Content-Type", "Content-Transfer-Encoding",
)  # fmt: skip
OPTIONAL = {"Cc", "X-Patchwork-Hint"}
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
EVALUATED = re.compile(r"(?<![\d.])49(?!\d)")
"""What a template makes of `{{ 7 * 7 }}`."""


def text(chance: random.Random, most: int = 8) -> str:
    return "".join(chance.choices(ATOMS, k=chance.randrange(1, most)))


class Answered(NamedTuple):
    """A reply, and all that it was made of."""

    reply: Reply
    mail: Mail
    review: Review
    entries: tuple[Entry, ...]

    @property
    def diff(self) -> str:
        (patch,) = self.review.posting.series.patches
        return patch.diff

    @property
    def body(self) -> bytes:
        """The text that was to be sent."""
        (patch,) = self.review.posting.series.patches
        points = [
            Point(entry.finding, entry.status is Status.STANDING, entry.mention)
            for entry in sorted(self.entries, key=lambda entry: entry.finding.diff_line)
        ]
        written = body(self.review, self.mail, (Part(patch, tuple(points)),), SETTINGS, MASK)
        return written.encode("utf-8", "replace")


def all_sound(answers: Sequence[Answered]) -> None:
    """Assert all that must hold of mails that leave, by what an independent parser reads."""
    for answered, found in zip(answers, read([one.reply.raw for one in answers]), strict=True):
        _line_by_line(answered.reply.raw)
        _header(answered.reply, answered.mail, found)
        assert (found.kind, found.parts) == ("text/plain; utf-8", 0)
        assert found.body == answered.body
        _text(found.body.decode(), answered.diff)


def _line_by_line(raw: bytes) -> None:
    """The header is ASCII without controls, and no line is too long; by nobody's parser."""
    head, _, _ = raw.partition(b"\n\n")
    assert re.search(rb"[^\n -~]", head) is None
    assert re.search(rb"[\x00\r]", raw) is None
    assert max(map(len, raw.split(b"\n"))) <= 998
    started = tuple(re.findall(r"^([^ :]+):", head.decode(), re.MULTILINE))
    assert started == tuple(name for name in NAMES if name in started)
    # A line of blanks alone would end the header for some.
    assert all(line.strip() for line in head.split(b"\n"))


def _header(reply: Reply, mail: Mail, found: Read) -> None:
    assert found.names == tuple(name for name in NAMES if name in found.names)
    assert set(NAMES) - set(found.names) <= OPTIONAL
    assert found.raw["Message-ID"] == f"<{reply.msgid}>"
    assert found.raw["In-Reply-To"] == f"<{mail.msgid}>"
    references = found.raw["References"].split()
    assert references[-1] == f"<{mail.msgid}>"
    assert {one.strip("<>") for one in references} <= {*mail.references, mail.msgid}
    assert found.subject.split() == _sendable(reply.subject).split()
    assert CONTROL.search(found.subject) is None
    assert [box[1:] for box in found.boxes["From"]] == [(SETTINGS.address, True)]
    boxes = (*found.boxes["To"], *found.boxes.get("Cc", ()))
    assert [box.email for box in boxes] == list(reply.recipients.emails)
    assert all(box.valid for box in boxes), boxes
    # It is an address as it stands; what decodes it all the same sees another one.
    assert not any("=?" in box.email for box in boxes)


def _text(told: str, diff: str) -> None:
    lines = told.split("\n")
    quoted = [line[2:] for line in lines if line.startswith("> ")]
    assert set(quoted) - set(_sendable(diff).split("\n")) <= {"[ ... ]"}
    own = "\n".join(line for line in lines if not line.startswith(">"))
    assert BIDI.search(own) is None
    assert CONTROL.search(own) is None
    assert own.count("\n-- \n") == 1
    assert EVALUATED.search(own) is None


def _sendable(value: str) -> str:
    return value.encode("utf-8", "replace").decode()
