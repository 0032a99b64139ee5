# SPDX-License-Identifier: GPL-2.0-or-later
"""Thousands of hostile mails, always the same ones: what leaves is a mail of ours all the same.

The cases come from a seeded generator, so that one that fails fails again.
"""

from __future__ import annotations

import email
import email.policy
import random
import re
import subprocess
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from bot.model import Address, Mail, Posting, Review
from bot.outgoing import Entry, Status
from bot.render.mail import Reply, replies
from bot.settings import PolicySettings
from checks.api import Confidence, Finding, Patch
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

BLOCKS = 20
CASES = 110
"""Cases of each block; all in all more than two thousand."""

ATOMS = (
    "\r\nBcc: v@example.org\r\n", "\nX-Evil: 1", "\r", "\0", "\x1b[2J", "\x85", "\u2028", "\u2029",
    "\u202e", "\u2066", "\u2069", "\u200f", "\u061c", "\ufeff", "\x7f", "\x9b", "\t", "\x0b", "\x0c",
    "{{ 7 * 7 }}", "{% for x in y %}", "{# a", "#}", "{{ settings.operator }}", "%s", "{0}",
    "=?utf-8?q?=0D=0ABcc:_v@example.org?=", "=?us-ascii?b?", "?=", "=?", "\r\n folded", "\n\tfolded",
    "größe", "名前", "\U0001f600", "\udc80", "\ud800", "e\u0301", "<", ">", ",", ";", ":", '"', "\\", "(",
    ")", "@", "[PATCH v2]", " ", "  ", "a", "dma_buf", "-- ", "\n-- \n", "\nFrom x", "\n.\n", "=", "=20",
    "> ", "\n> ", "--- a/x", "+++ b/x", "@@ -1 +1 @@", "diff --git a/x b/x", "---\n", "x" * 80, "ö" * 300,
)  # fmt: skip

NAMES = [
    "From", "To", "Cc", "Subject", "In-Reply-To", "References", "Auto-Submitted", "X-Patchwork-Hint",
    "X-Revokebot-Rules", "X-Revokebot-Version", "Date", "Message-ID", "MIME-Version",
    "Content-Type", "Content-Transfer-Encoding",
]  # fmt: skip
OPTIONAL = {"Cc", "X-Patchwork-Hint"}
BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def text(chance: random.Random, most: int = 8) -> str:
    return "".join(chance.choices(ATOMS, k=chance.randrange(1, most)))


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
    return Patch(1, FIRST, f"[PATCH] {text(chance)}", "", diff)


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
    return made._replace(mails={**made.mails, FIRST: mail}), entries


def reply_to(made: Posting, entries: tuple[Entry, ...]) -> Reply:
    review: Review = review_of(made, *(entry.finding for entry in entries))
    written, refused = replies(review, SETTINGS, MASK, NOW, entries=entries)
    assert refused == ()
    (reply,) = written
    return reply


def parsed(reply: Reply) -> EmailMessage:
    found = email.message_from_bytes(reply.raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def content(reply: Reply) -> str:
    payload = parsed(reply).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8")


def own_lines(body: str) -> list[str]:
    return [line for line in body.split("\n") if not line.startswith(">")]


def sound(reply: Reply, mail: Mail, diff: str) -> None:
    """Assert all that must hold of a mail that leaves."""
    head, _, _ = reply.raw.partition(b"\n\n")
    assert re.findall(rb"[^\n -~]", head) == []
    assert max(map(len, reply.raw.split(b"\n"))) <= 998
    found = parsed(reply)
    assert found.defects == []
    names = found.keys()
    assert names == [name for name in NAMES if name in names]
    assert set(NAMES) - set(names) <= OPTIONAL
    assert all(not value.defects for value in found.values()), found.items()
    assert found["Message-ID"] == f"<{reply.msgid}>"
    assert found["In-Reply-To"] == f"<{mail.msgid}>"
    assert found["References"].split()[-1] == f"<{mail.msgid}>"
    assert found["Subject"].split() == reply.subject.encode("utf-8", "replace").decode().split()
    assert CONTROL.search(str(found["Subject"])) is None
    named = [one.addr_spec for key in ("To", "Cc") if found[key] for one in found[key].addresses]
    assert named == list(reply.recipients.emails)
    body = content(reply)
    quoted = [line[2:] for line in body.split("\n") if line.startswith("> ")]
    sent = set(diff.encode("utf-8", "replace").decode().split("\n"))
    assert set(quoted) - sent <= {"[ ... ]"}
    own = "\n".join(own_lines(body))
    assert BIDI.search(own) is None
    assert CONTROL.search(own) is None
    assert "\n-- \n" in own
    assert own.count("\n-- \n") == 1
    assert "49" not in own.replace("0.1.49", "")


@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_a_mail_holds_what_leaves_is_ours(block: int) -> None:
    for number in range(CASES):
        made, entries = case(random.Random(f"{block}/{number}"))
        reply = reply_to(made, entries)
        sound(reply, made.mails[FIRST], made.series.patches[0].diff)


@pytest.mark.parametrize("number", range(0, CASES, 5))
def test_git_reads_the_same_mail(number: int, tmp_path: Path) -> None:
    made, entries = case(random.Random(f"0/{number}"))
    reply = reply_to(made, entries)
    argv = ["git", "mailinfo", "-k", "-m", str(tmp_path / "msg"), str(tmp_path / "patch")]
    told = subprocess.run(argv, input=reply.raw, capture_output=True, check=True).stdout.decode()
    fields = dict(line.split(": ", 1) for line in told.split("\n") if line)
    assert fields.keys() == {"Author", "Email", "Subject", "Date"}
    assert fields["Author"] == SETTINGS.name
    assert fields["Email"] == SETTINGS.address
    assert fields["Subject"].split() == reply.subject.encode("utf-8", "replace").decode().split()


@pytest.mark.parametrize("length", [900, 2_000])
@pytest.mark.parametrize("char", ["x", "ö", "{{", "\u202e", "\r\n", '"'])
def test_long_lines_names_and_subjects(char: str, length: int) -> None:
    long = char * (length // len(char))
    flat = long.replace("\n", "")
    diff = f"--- a/x.c\n+++ b/x.c\n@@ -0,0 +1 @@\n+{flat}\n"
    patch = Patch(1, FIRST, f"[PATCH] {long}", "", diff)
    made = posting(patch)
    mail = mail_of(patch, author=Address(long, "author@example.org"), references=(long,))
    found = finding(patch, f"+{flat}", symbol=long, message=f"Please see {long} there.")
    made = made._replace(mails={**made.mails, FIRST: mail})
    sound(reply_to(made, (Entry(found, Status.NEW, ""),)), mail, diff)


@pytest.mark.parametrize("number", [30, 200])
def test_many_recipients(number: int) -> None:
    patch = patch_of(random.Random(number))
    made = posting(patch)
    cc = tuple(Address("Größe, The", f"{n}@example.org") for n in range(number))
    mail = mail_of(patch, cc=cc)
    made = made._replace(mails={**made.mails, FIRST: mail})
    found = finding(patch, patch.diff.split("\n")[4])
    policy = PolicySettings(max_cc=20_000)
    (reply,) = replies(review_of(made, found), SETTINGS, MASK, NOW, policy)[0]
    assert len(reply.recipients.emails) == number + 2
    sound(reply, mail, patch.diff)
