# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails with a megabyte where a word should stand, or with ten thousand recipients.

A megabyte in the mail must not become a megabyte in the answer, but for a
line of the diff that is quoted, which stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.model import Address, Mail
from bot.outgoing import Entry, Recipients, Status
from bot.render.mail import replies
from bot.settings import PolicySettings
from bot.sources import SourceOptions, open_source
from checks.api import Patch
from tests.render.hostile import Answered, all_sound
from tests.render.reviews import FIRST, MASK, NOW, SETTINGS, finding, mail_of, posting, review_of
from tests.sources.mails import AUTHOR, BODY, DIFF, mail

MEGABYTE = 1_000_000
LINE = "+\tteapot_warm(pot);"
FILLS = [
    "x",
    "ö",
    "{{ 7 * 7 }}",
    "\u202e",
    '"',
    "<",
    "(",
    ",",
    "=?utf-8?q?=0A?=",
    "a@example.org, ",
]


def answer_to(made: Mail, patch: Patch, line: str, policy: PolicySettings) -> Answered:
    """The answer to a mail that is given, for a finding on `line`."""
    series = posting(patch)
    series = series._replace(mails={**series.mails, patch.msgid: made})
    found = finding(patch, line)
    review = review_of(series, found)
    (reply,) = replies(review, SETTINGS, MASK, NOW, policy)[0]
    return Answered(reply, made, review, (Entry(found, Status.NEW, ""),))


def answer_to_file(path: Path, raw: bytes, line: str = LINE) -> Answered:
    """The answer to a mail in a file, read as the commands do."""
    path.write_bytes(raw)
    (read,) = open_source(str(path), SourceOptions())
    (patch,) = read.series.patches
    review = review_of(read, finding(patch, line))
    (reply,) = replies(review, SETTINGS, MASK, NOW)[0]
    entries = (Entry(review.findings[0], Status.NEW, ""),)
    return Answered(reply, read.mails[patch.msgid], review, entries)


def with_last(name: str, value: str, body: str = BODY, sender: str = AUTHOR) -> bytes:
    """A mail whose last header is `name`: what stands behind a megabyte of header is not read."""
    head, _, text = mail("[PATCH] x", body=body, sender=sender).decode().partition("\n\n")
    lines = [line for line in head.split("\n") if not line.startswith(f"{name}:")]
    return "\n".join([*lines, f"{name}: {value}", "", text]).encode()


PLACES: dict[str, Callable[[str], bytes]] = {
    "subject": lambda fill: with_last("Subject", f"[PATCH] {fill}"),
    "quoted name": lambda fill: with_last("From", f'"{fill}" <author@author.example>'),
    "bare name": lambda fill: with_last("From", f"{fill} <author@author.example>"),
    "comment": lambda fill: with_last("From", f"author@author.example ({fill})"),
    "Cc": lambda fill: with_last("Cc", fill),
    "folded Cc": lambda fill: with_last("Cc", fill.replace(" ", "\n ")),
    "Reply-To": lambda fill: with_last("Reply-To", fill),
    "References": lambda fill: with_last("References", f"<{fill}@example.org> <r@example.org>"),
    "another header": lambda fill: with_last("X-Other", fill),
    "List-Id": lambda fill: with_last("List-Id", f"{fill} <l.lists.example>"),
    "commit message": lambda fill: with_last("X", "", f"{fill}\n---\n{DIFF}"),
    "in-body From": lambda fill: with_last(
        "X", "", f"From: {fill} <b@author.example>\n\n{BODY}", RELAY
    ),
}
RELAY = "A U Thor via Relay <devnull+a@kernel.org>"


@pytest.mark.parametrize("place", PLACES)
def test_a_megabyte_in_a_mail_is_no_megabyte_in_the_answer(place: str, tmp_path: Path) -> None:
    made = PLACES[place]
    answers = [
        answer_to_file(tmp_path / "x.eml", made(fill * (MEGABYTE // len(fill.encode()))))
        for fill in FILLS
    ]
    all_sound(answers)
    assert max(len(one.reply.raw) for one in answers) < 64_000


@pytest.mark.parametrize("fill", FILLS[:4])
def test_a_line_of_a_megabyte_is_quoted_whole(fill: str, tmp_path: Path) -> None:
    line = "+" + fill * (MEGABYTE // len(fill.encode()))
    answered = answer_to_file(
        tmp_path / "x.eml", mail("[PATCH] x", body=BODY.replace(LINE, line)), line
    )
    all_sound([answered])
    assert f"\n> {line}\n".encode() in answered.body


@pytest.mark.parametrize("fill", FILLS)
def test_long_values_that_no_mail_brought(fill: str) -> None:
    long = fill * (20_000 // len(fill))
    patch = Patch(
        1, FIRST, f"[PATCH] {long}", "", f"--- a/x.c\n+++ b/x.c\n@@ -0,0 +1 @@\n+{long}\n"
    )
    made = mail_of(patch, author=Address(long, "author@example.org"), references=(long,))
    all_sound([answer_to(made, patch, f"+{long}", PolicySettings())])


PATCH = Patch(1, FIRST, "[PATCH] x", "", "--- a/x.c\n+++ b/x.c\n@@ -0,0 +1 @@\n+x\n")


def many(number: int) -> Mail:
    """A mail with `number` recipients in To and as many in Cc."""
    to, cc = (
        tuple(Address("Größe, The", f"{kind}{n}@example.org") for n in range(number))
        for kind in ("to", "cc")
    )
    return mail_of(PATCH, to=to, cc=(*cc, Address("", "linux-media@vger.kernel.org")))


def test_ten_thousand_recipients_are_all_written_to_where_the_operator_wants() -> None:
    answered = answer_to(many(5_000), PATCH, "+x", PolicySettings(max_cc=30_000))
    assert len(answered.reply.recipients.emails) == 10_002
    all_sound([answered])


def test_of_ten_thousand_recipients_lists_are_left_by_default() -> None:
    answered = answer_to(many(10_000), PATCH, "+x", PolicySettings())
    assert emails(answered.reply.recipients) == [
        ("author@example.org",),
        ("linux-media@vger.kernel.org",),
    ]
    assert len(answered.reply.recipients.left_out) == 20_000
    all_sound([answered])


def test_ten_thousand_recipients_in_a_header(tmp_path: Path) -> None:
    people = ",\n ".join(f"P E Rson <p{n}@example.org>" for n in range(10_000))
    for head in ("Cc", "Reply-To", "X-Original-From"):
        raw = mail("[PATCH] x", extra=f"{head}: {people}\n")
        answered = answer_to_file(tmp_path / "x.eml", raw)
        all_sound([answered])
        assert len(answered.reply.recipients.cc) <= PolicySettings().max_cc


def emails(recipients: Recipients) -> list[tuple[str, ...]]:
    return [tuple(each.email for each in group) for group in (recipients.to, recipients.cc)]
