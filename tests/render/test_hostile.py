# SPDX-License-Identifier: GPL-2.0-or-later
"""What a hostile mail must not be able to do to a terminal, to headers or to an mbox."""

from __future__ import annotations

import email
import email.policy
import json
import mailbox
import re
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from bot.model import Address, Review
from bot.render import jsonl, text
from bot.render.links import links
from bot.render.mail import Reply, replies
from bot.render.plain import escape, one_line, wrap
from bot.sources.mbox import as_mboxrd
from checks.api import Patch, Problem
from tests.render.reviews import FIRST, MASK, NOW, SETTINGS, finding, mail_of, posting, review_of

EVIL = "a\x1b[2J\x1b]0;title\x07b\x9bc\rd\x00e\u202ef\u2066g\x7fh\udc80i"


def hostile() -> Review:
    """A review in which everything that comes from a mail is hostile."""
    line = f"+{EVIL}"
    diff = (
        f"diff --git a/x.c b/x.c\n--- a/x.c\n+++ b/x.c\n@@ -1,0 +1,2 @@ {EVIL}\n{line}\n+From x\n"
    )
    patch = Patch(1, FIRST, f"[PATCH] {EVIL}\nBcc: victim@example.org", "", diff)
    made = posting(patch, patch._replace(number=2, msgid="second@example.org"))
    mail = mail_of(
        patch,
        author=Address(f"{EVIL}\r\nBcc: victim@example.org", "author@example.org"),
        cc=(Address('a"\\\nX-Evil: 1', "cc@example.org"), Address("x", "e@example.org\nX-Evil: 2")),
        references=("ok@example.org", "bad\nX-Evil: 3@example.org", "bad id@example.org"),
    )
    made = made._replace(
        series=made.series._replace(subject=patch.subject, msgid=f"{EVIL}@example.org"),
        mails={**made.mails, FIRST: mail},
    )
    found = finding(
        patch, line, file=f"{EVIL}.c", symbol=EVIL, message=f"Mind {EVIL} and\n\n-- \n> this",
        suggestion=f"+{EVIL}\n-- \n", references=(f"{EVIL}@example.org",),
    )  # fmt: skip
    return review_of(made, found, errors=(Problem("x", EVIL, EVIL),))


def reply() -> Reply:
    return replies(hostile(), SETTINGS, MASK, NOW)[0][0]


def test_text_has_no_control_character() -> None:
    shown = text.render(hostile(), text.Style())
    assert re.findall(r"[^\n\t -~]", shown) == []
    assert "\\x1b[2J" in shown
    assert "\\u202e" in shown


def test_colour_adds_its_own_sequences_only() -> None:
    shown = text.render(hostile(), text.Style(color=True))
    without = re.sub(r"\x1b\[(?:0|1|2|3[1236])m", "", shown)
    assert without == text.render(hostile(), text.Style())


def test_json_is_one_line_of_ascii_and_keeps_what_there_was() -> None:
    line = jsonl.render(hostile())
    assert re.findall(r"[^ -~]", line[:-1]) == []
    assert json.loads(line)["findings"][0]["line_text"] == f"+{EVIL}"


def test_headers_are_ours_alone() -> None:
    head = reply().raw.split(b"\n\n")[0].decode("ascii")
    names = re.findall(r"^([^\s:]+):", head, re.MULTILINE)
    assert names == [
        "From", "To", "Cc", "Subject", "In-Reply-To", "References", "Auto-Submitted", "X-Patchwork-Hint",
        "X-Revokebot-Rules", "X-Revokebot-Version", "Date", "Message-ID", "MIME-Version",
        "Content-Type", "Content-Transfer-Encoding",
    ]  # fmt: skip
    assert all(line.startswith((" ", *(f"{name}:" for name in names))) for line in head.split("\n"))
    assert re.findall(r"[^\n -~]", head) == []
    found = email.message_from_bytes(reply().raw, policy=email.policy.default)
    assert found["References"].split() == ["<ok@example.org>", f"<{FIRST}>"]
    assert [address.addr_spec for address in found["Cc"].addresses] == [
        "dma-buf@lists.example.org",
        "cc@example.org",
    ]


def test_the_diff_is_quoted_byte_for_byte_all_the_same() -> None:
    body = email.message_from_bytes(reply().raw).get_payload(decode=True)
    assert isinstance(body, bytes)
    assert f"\n> +{EVIL}\n".encode("utf-8", "replace") in body


def test_own_text_is_clean_and_has_one_signature_mark() -> None:
    body = email.message_from_bytes(reply().raw).get_payload(decode=True)
    assert isinstance(body, bytes)
    own = [line for line in body.decode().split("\n") if not line.startswith(">")]
    assert re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066]", "\n".join(own)) == []
    assert own.count("-- ") == 1


@pytest.mark.parametrize("length", [990, 5000])
def test_no_line_is_longer_than_mail_allows(length: int) -> None:
    line = "+" + "ö" * length
    patch = Patch(
        1, FIRST, "[PATCH] " + "x" * 2000, "", f"--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n{line}\n"
    )
    made = posting(patch)
    (done,) = replies(review_of(made, finding(patch, line)), SETTINGS, MASK, NOW)[0]
    assert max(map(len, done.raw.split(b"\n"))) <= 998
    found = email.message_from_bytes(done.raw, policy=email.policy.default)
    assert found["Content-Transfer-Encoding"] == "quoted-printable"
    assert f"> {line}\n" in found.get_content()
    assert found["Subject"] == f"Re: {patch.subject}"


def test_an_mbox_of_replies_is_split_where_they_end(tmp_path: Path) -> None:
    line = "+From here on"
    patch = Patch(1, FIRST, "[PATCH] x", "", f"--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n{line}\n")
    made = posting(patch)
    found = finding(patch, line, message="x", suggestion="From nobody Mon Jan  1 00:00:00 2026\n")
    (done,) = replies(review_of(made, found), SETTINGS, MASK, NOW)[0]
    path = tmp_path / "replies.mbox"
    path.write_bytes(as_mboxrd(done.raw) * 2)
    with closing(mailbox.mbox(path)) as box:
        assert len(box) == 2
    assert b"\n>From nobody Mon" in as_mboxrd(done.raw)
    assert b"\n>>From y" in as_mboxrd(b"Subject: x\n\n>From y\n")
    split = ["git", "mailsplit", "--mboxrd", f"-o{tmp_path}", str(path)]
    assert subprocess.run(split, check=True, capture_output=True).stdout == b"2\n"
    assert (tmp_path / "0001").read_bytes().split(b"\n", 1)[1].rstrip() == done.raw.rstrip()


def test_git_takes_the_reply_for_no_patch_of_its_own(tmp_path: Path) -> None:
    patch = Patch(
        1, FIRST, "[PATCH 1/2] dma-buf: lend buffers", "", "--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+x\n"
    )
    (done,) = replies(
        review_of(posting(patch), finding(patch, "+x", message="Subject: evil\nFrom: evil <e@e>")),
        SETTINGS, MASK, NOW,
    )[0]  # fmt: skip
    argv = ["git", "mailinfo", "-k", str(tmp_path / "msg"), str(tmp_path / "patch")]
    told = subprocess.run(argv, input=done.raw, capture_output=True, check=True).stdout.decode()
    assert "Author: revokebot\nEmail: revokebot@bots.example.org\n" in told
    assert "Subject: Re: [PATCH 1/2] dma-buf: lend buffers\n" in told
    assert (tmp_path / "patch").read_bytes() == b""


def test_wrapping_never_starts_a_line_with_a_quotation_mark() -> None:
    words = "use attach > 0 or >= 1 and more words " * 30
    for width in range(20, 72):
        wrapped = wrap("> " + words, width)
        assert not any(line.startswith(">") for line in wrapped.split("\n"))
        assert " ".join(wrapped.split()) == " ".join(words.split())


@pytest.mark.parametrize(
    ("given", "shown"),
    [("a\tb\nc", "a\tb\nc"), ("\x1b", "\\x1b"), ("\u202e", "\\u202e"), ("ö名", "ö名")],
)
def test_escape(given: str, shown: str) -> None:
    assert escape(given) == shown


def test_one_line() -> None:
    assert one_line("a\nb\r\tc") == "a\\nb\\x0d c"


def test_links_quote_what_a_url_must_not_hold() -> None:
    assert links(("a/b?#<c>@d", "kernel/path.c"), MASK) == (
        "https://lore.kernel.org/r/a%2Fb%3F%23%3Cc%3E@d",
        "kernel/path.c",
    )
