# SPDX-License-Identifier: GPL-2.0-or-later
"""Section *The reply* of the design, its points: headers, and to whom.

One test for each sentence, in the order of the section.  That public-inbox
keeps one of two mails with one id is in `tests/integration/test_once.py`.
"""

from __future__ import annotations

import pytest

from bot.model import Address, Mail
from bot.outgoing import Action
from bot.recipients import recipients
from bot.render.mail import replies
from bot.settings import PolicySettings
from bot.sources.mail import read_mail
from tests.render.reading import RETURN, changed, one, parsed, written
from tests.render.reviews import (
    COVER,
    FIRST,
    MASK,
    NOW,
    SETTINGS,
    finding,
    posting,
    review_of,
)
from tests.render.threads import OPEN, actions, answered, first_revision
from tests.sources.mails import mail


@pytest.mark.parametrize(
    "subject",
    [
        "[PATCH v2 1/2] dma-buf: lend buffers",
        "[some-list] [PATCH rdma-next v3 02/10] x: y",
        "[PATCH] größer, 名前 and =?utf-8?q?not_a_word?=",
        "[PATCH] " + "very long title of a patch " * 12 + "end",
        "[PATCH]  two  blanks",
    ],
)
def test_subject_is_re_and_the_patch_s_own_verbatim(subject: str) -> None:
    assert parsed(one(subject=subject))["Subject"] == f"Re: {subject}"


def test_in_reply_to_is_the_patch() -> None:
    assert parsed(one())["In-Reply-To"] == f"<{FIRST}>"


def test_references_are_the_whole_chain_and_the_patch() -> None:
    chain = [f"{n}@example.org" for n in range(30)]
    found = parsed(one(references=(*chain, COVER)))
    assert found["References"].split() == [f"<{msgid}>" for msgid in (*chain, COVER, FIRST)]
    looped = parsed(one(references=("a@example.org", FIRST, COVER)))
    assert looped["References"].split() == ["<a@example.org>", f"<{COVER}>", f"<{FIRST}>"]


def test_auto_submitted_says_that_a_program_answers() -> None:
    assert parsed(one())["Auto-Submitted"] == "auto-replied"


def test_patchwork_is_told_to_ignore_a_mail_with_a_diff_and_no_other() -> None:
    _, patch = changed()
    plain, suggests = finding(patch, RETURN), finding(patch, RETURN, suggestion="+x\n")
    assert parsed(one(suggests))["X-Patchwork-Hint"] == "ignore"
    assert parsed(one(plain))["X-Patchwork-Hint"] is None
    assert parsed(one(suggests, standing=[suggests.fingerprint]))["X-Patchwork-Hint"] is None


def test_own_headers_are_there_to_filter_by() -> None:
    found = parsed(written()[0])
    assert found["X-Revokebot-Rules"] == "callback-test, helper-wording, null-importer-ops"
    assert found["X-Revokebot-Version"]
    assert found["Date"].datetime == NOW


def test_there_is_no_precedence_and_no_header_of_a_list() -> None:
    names = {name.lower() for name in parsed(written()[0])}
    assert not {"precedence", "bcc"} & names
    assert not any(name.startswith("list-") for name in names)


@pytest.mark.parametrize(
    ("sender", "head", "body"),
    [
        ("A U Thor <author@author.example>", "", ""),
        (
            "A U Thor via B4 Relay <devnull+author.author.example@kernel.org>",
            "Reply-To: author@author.example\n",
            "",
        ),
        (
            "A U Thor via B4 Relay <devnull+author.author.example@kernel.org>",
            "",
            "From: A U Thor <author@author.example>\n\n",
        ),
        (
            "'A U Thor' via some-list <some-list@lists.example>",
            "X-Original-From: A U Thor <author@author.example>\n",
            "",
        ),
    ],
    ids=["direct", "Reply-To", "in-body From", "X-Original-From"],
)
def test_to_is_the_author_found_also_behind_a_relay(sender: str, head: str, body: str) -> None:
    read = read_mail(mail("[PATCH] x", sender=sender, extra=head, body=f"{body}Text.\n"))
    assert isinstance(read, Mail)
    found = recipients(read, SETTINGS, PolicySettings())
    assert [address.email for address in found.to] == ["author@author.example"]
    assert not any("devnull" in address.email for address in found.cc)


def test_cc_is_everyone_whom_the_mail_went_to_each_once_and_never_someone_new() -> None:
    reply = one(
        to=(Address("", "AUTHOR@example.org"), Address("", "list@example.org")),
        cc=(Address("again", "List@Example.org"), Address("", "other@example.org")),
        text="Cc: new@example.org\nReported-by: Somebody <new@example.org>\n",
    )
    assert [each.addr_spec for each in parsed(reply)["To"].addresses] == ["author@example.org"]
    assert [each.addr_spec for each in parsed(reply)["Cc"].addresses] == [
        "list@example.org",
        "other@example.org",
    ]


def test_the_strictest_of_the_lists_decides() -> None:
    # A second list is written to as well; the rest is in tests/policy.
    both = [
        raw.replace(b"\nSubject:", b"\nCc: linux-media@vger.kernel.org\nSubject:", 1)
        for raw in first_revision()
    ]
    media = "linux-media.vger.kernel.org"
    for lists, action in (
        (OPEN.lists, Action.DRAFT),
        ((*OPEN.lists, media), Action.SEND),
    ):
        (answer,) = answered(*both, policy=OPEN._replace(lists=lists))
        assert actions(answer) == {action}
    quiet = OPEN._replace(lists=(*OPEN.lists, media), quiet=(media,))
    assert actions(answered(*both, policy=quiet)[0]) == {Action.DRAFT}


@pytest.mark.parametrize(
    "nobody",
    [
        "revokebot@bots.example.org",
        "RevokeBot@Bots.Example.org",
        "lkp@intel.com",
        "noreply@example.org",
        "no-reply@example.org",
        "do-not-reply@example.org",
        "devnull+author.example.org@kernel.org",
        "stable@vger.kernel.org",
        "stable@kernel.org",
        "",
        "no address",
        "a@b\nBcc: c@d",
    ],
)
def test_it_never_goes_to_ourselves_other_bots_stable_or_nobody(nobody: str) -> None:
    found = parsed(one(cc=(Address("x", nobody), Address("", "kept@example.org"))))
    assert [each.addr_spec for each in found["Cc"].addresses] == [
        "dma-buf@lists.example.org",
        "kept@example.org",
    ]


def test_cc_has_a_ceiling() -> None:
    made, patch = changed(cc=tuple(Address("", f"{n}@example.org") for n in range(50)))
    for most in (49, 3, 0):
        policy = PolicySettings(max_cc=most)
        (reply,) = replies(review_of(made, finding(patch, RETURN)), SETTINGS, MASK, NOW, policy)[0]
        assert len(reply.recipients.cc) <= most
        assert reply.recipients.to


def test_message_id_follows_from_bot_patch_and_fingerprints_alone() -> None:
    made, patch = changed()
    again = review_of(made, finding(patch, RETURN, message="other words"))
    (reply,) = replies(again, SETTINGS, MASK, NOW.replace(year=2027))[0]
    assert reply.msgid == one().msgid, "sending again after a crash gives the same id"
    assert reply.msgid.endswith("@bots.example.org")
    assert parsed(reply)["Message-ID"] == f"<{reply.msgid}>"
    other = one(finding(patch, RETURN, fingerprint="f" * 16))
    settings = SETTINGS._replace(address="revokebot@elsewhere.example")
    (moved,) = replies(again, settings, MASK, NOW)[0]
    elsewhere = patch._replace(msgid="other@example.org")
    (parent,) = replies(
        review_of(posting(elsewhere), finding(elsewhere, RETURN)), SETTINGS, MASK, NOW
    )[0]
    assert len({reply.msgid, other.msgid, moved.msgid, parent.msgid}) == 4
