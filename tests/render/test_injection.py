# SPDX-License-Identifier: GPL-2.0-or-later
"""Thousands of hostile mails, always the same ones: what leaves is a mail of ours all the same.

The cases come from a seeded generator, so that one that fails fails again.
An independent parser reads every mail; `tests.render.hostile` says what must hold.
"""

from __future__ import annotations

import email
import email.policy
import random
import subprocess
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from bot.model import Address, Posting
from bot.outgoing import Entry, Status
from bot.render.address import usable_msgid
from bot.render.mail import replies
from checks.api import Confidence, Finding, Patch
from tests.render.hostile import Answered, all_sound, text
from tests.render.reviews import (
    COVER,
    FIRST,
    MASK,
    NOW,
    SETTINGS,
    finding,
    mail_of,
    posting,
    review_of,
)

BLOCKS = 10
CASES = 220
"""Cases of each block; all in all more than two thousand."""


def address(chance: random.Random) -> Address:
    good = f"{chance.choice('abcdefgh')}{chance.randrange(50)}@example.org"
    return Address(text(chance), chance.choice((good, good, text(chance), good + text(chance))))


def some(chance: random.Random, most: int = 4) -> tuple[Address, ...]:
    return tuple(address(chance) for _ in range(chance.randrange(most)))


def patch_of(chance: random.Random) -> Patch:
    lines = [f"+{text(chance)}".replace("\n", "\\n") for _ in range(chance.randrange(1, 8))]
    head = text(chance, 3).replace("\n", "")
    diff = (
        f"diff --git a/x.c b/x.c\n--- a/x.c\n+++ b/x.c\n@@ -0,0 +1,{len(lines)} @@ {head}\n"
        + "\n".join(lines)
        + "\n"
    )
    own = chance.choice((*(FIRST,) * 9, f"{text(chance)}@example.org", text(chance)))
    return Patch(1, own, f"[PATCH] {text(chance)}", "", diff)


def finding_of(chance: random.Random, patch: Patch) -> Finding:
    line = chance.choice([row for row in patch.diff.split("\n")[4:] if row])
    return finding(
        patch,
        line,
        file=f"{text(chance)}.c",
        symbol=chance.choice(("", "frob", text(chance))),
        message=f"Please look at {text(chance)}, and at {text(chance, 40)}",
        suggestion=chance.choice(("", f"+{text(chance)}\n")),
        references=chance.choice(((), (f"{text(chance)}@example.org",))),
        confidence=chance.choice((Confidence.HIGH, Confidence.MEDIUM)),
        rule=chance.choice(("resv-lock", "restrict-export", "no-such-rule")),
        facts={"kind": text(chance), "notify": text(chance), "diff": ""},
        fingerprint=f"{chance.getrandbits(64):016x}",
    )


def case(chance: random.Random) -> tuple[Posting, tuple[Entry, ...]]:
    """One hostile mail, and what is to be said of it."""
    patch = patch_of(chance)
    mail = mail_of(
        patch,
        author=Address(text(chance), "author@example.org"),
        sender=address(chance),
        to=some(chance),
        cc=some(chance),
        reply_to=some(chance, 2),
        references=tuple(
            chance.choice((COVER, text(chance), f"{text(chance)}@example.org"))
            for _ in range(chance.randrange(4))
        ),
        date=chance.choice((None, datetime(2026, 2, 2, tzinfo=UTC))),
        list_id=text(chance),
        text=text(chance, 30),
    )
    made = posting(patch)
    found = [finding_of(chance, patch) for _ in range(chance.randrange(1, 4))]
    entries = tuple(
        Entry(one, chance.choice((Status.NEW, Status.STANDING)), "", text(chance)) for one in found
    )
    return made._replace(mails={**made.mails, patch.msgid: mail}), entries


def answered(made: Posting, entries: tuple[Entry, ...]) -> Answered | None:
    """The answer to the only patch of `made`; None where its message-id allows none."""
    review = review_of(made, *(entry.finding for entry in entries))
    written, refused = replies(review, SETTINGS, MASK, NOW, entries=entries)
    (patch,) = made.series.patches
    if not usable_msgid(patch.msgid):
        assert (len(written), len(refused)) == (0, 1)
        return None
    assert refused == ()
    (reply,) = written
    return Answered(reply, made.mails[patch.msgid], review, entries)


def block_of(block: int, step: int = 1) -> list[Answered]:
    cases = (case(random.Random(f"{block}/{number}")) for number in range(0, CASES, step))
    return [one for made, entries in cases if (one := answered(made, entries)) is not None]


@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_a_mail_holds_what_leaves_is_ours(block: int) -> None:
    answers = block_of(block)
    assert len(answers) > CASES * 0.75
    all_sound(answers)


def test_pythons_own_parser_finds_nothing_wrong_either() -> None:
    for one in block_of(0, 5):
        found = email.message_from_bytes(one.reply.raw, policy=email.policy.default)
        assert isinstance(found, EmailMessage)
        assert found.defects == []
        assert all(not value.defects for value in found.values()), found.items()
        named = [
            box.addr_spec for key in ("To", "Cc") if found[key] for box in found[key].addresses
        ]
        assert named == list(one.reply.recipients.emails)


def test_git_reads_the_same_mail(tmp_path: Path) -> None:
    for one in block_of(1, 10):
        argv = ["git", "mailinfo", "-k", "-m", str(tmp_path / "msg"), str(tmp_path / "patch")]
        told = subprocess.run(argv, input=one.reply.raw, capture_output=True, check=True).stdout
        fields = dict(line.split(": ", 1) for line in told.decode().split("\n") if line)
        assert fields.keys() == {"Author", "Email", "Subject", "Date"}
        assert fields["Author"] == SETTINGS.name
        assert fields["Email"] == SETTINGS.address
        subject = one.reply.subject.encode("utf-8", "replace").decode()
        assert fields["Subject"].split() == subject.split()
