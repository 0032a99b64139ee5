# SPDX-License-Identifier: GPL-2.0-or-later
"""Section *The reply* of the design, rule by rule, on whole mails."""

from __future__ import annotations

import email
import email.policy
import re
from email.message import EmailMessage

import pytest

from bot.model import Address, Mail, Posting
from bot.recipients import recipients
from bot.render.mail import MOST_MAILS, Reply, replies
from bot.settings import PolicySettings
from checks.api import Confidence, Patch
from tests.render.reviews import (
    COVER,
    FIRST,
    HEADER_DIFF,
    MASK,
    NOW,
    SETTINGS,
    finding,
    mail_of,
    posting,
    review,
    review_of,
)

RETURN = "+\treturn attach->importer_ops->invalidate_mappings;"


def written() -> tuple[Reply, ...]:
    return replies(review(), SETTINGS, MASK, NOW)[0]


def parsed(reply: Reply) -> EmailMessage:
    found = email.message_from_bytes(reply.raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert found.defects == []
    return found


def text_of(reply: Reply) -> str:
    return str(parsed(reply).get_content())


def own_text(body: str) -> list[str]:
    """The unquoted lines, without attribution and suggested changes."""
    lines = [line for line in body.split("\n")[1:] if not line.startswith(">")]
    return [line for line in lines if not line.startswith(("+", "-", " ", "@@", "See http"))]


def changed(**changes: object) -> tuple[Posting, Patch]:
    """A series of one patch whose mail has `changes`."""
    patch = Patch(1, FIRST, "[PATCH] dma-buf: lend buffers", "", HEADER_DIFF)
    made = posting(patch)
    mails = {**made.mails, FIRST: mail_of(patch, **changes)}
    return made._replace(mails=mails), patch


def one(**changes: object) -> Reply:
    made, patch = changed(**changes)
    (reply,) = replies(review_of(made, finding(patch, RETURN)), SETTINGS, MASK, NOW)[0]
    return reply


def test_one_reply_for_each_patch_with_findings() -> None:
    assert [reply.parent for reply in written()] == [FIRST, FIRST.replace("-1@", "-2@")]


def test_nothing_to_say_is_no_mail() -> None:
    made, patch = changed()
    assert replies(review_of(made), SETTINGS, MASK, NOW) == ((), ())
    low = finding(patch, RETURN, confidence=Confidence.LOW)
    assert replies(review_of(made, low), SETTINGS, MASK, NOW) == ((), ())


def test_low_confidence_stays_out_of_a_mail_that_is_sent_anyway() -> None:
    assert "made-up-rule" not in written()[0].raw.decode()
    assert "A guess that must not be mailed" not in written()[0].raw.decode()


def test_more_than_three_mails_become_one_to_the_cover() -> None:
    patches = [
        Patch(n, f"{n}@example.org", f"[PATCH {n}/4] lend", "", HEADER_DIFF)
        for n in range(1, MOST_MAILS + 2)
    ]
    made = posting(*patches)
    found = [finding(patch, RETURN) for patch in patches]
    (reply,) = replies(review_of(made, *found), SETTINGS, MASK, NOW)[0]
    assert reply.parent == COVER
    assert reply.findings == tuple(found)
    body = text_of(reply)
    places = [body.index(f"\n[PATCH {patch.number}/4] lend:\n") for patch in patches]
    assert places == sorted(places)


def test_attribution_is_that_of_mutt_in_the_zone_of_the_author() -> None:
    first = text_of(written()[0]).split("\n")[0]
    assert first == "On Mon, Feb 02, 2026 at 09:08:07AM +0100, Pätch Author wrote:"


def test_quoted_lines_are_those_of_the_diff_byte_for_byte_and_in_order() -> None:
    diff = HEADER_DIFF.split("\n")
    quoted = [line[2:] for line in text_of(written()[0]).split("\n") if line.startswith("> ")]
    at = 0
    for line in quoted:
        if line != "[ ... ]":
            at = diff.index(line, at) + 1
    assert at > 0


def test_file_header_and_hunk_line_are_kept_where_they_change() -> None:
    for reply in written():
        body = text_of(reply)
        assert body.count("\n> diff --git ") == 1
        assert body.count("\n> --- a/") == body.count("\n> +++ b/") == 1
        assert body.count("\n> @@ ") == 1


def test_at_most_five_quoted_lines_stand_above_a_remark() -> None:
    for reply in written():
        for block in re.findall(r"(?:^>.*\n)+", text_of(reply), re.MULTILINE):
            hunk = re.split(r"^> (?:@@ .*|\[ \.\.\. \])\n", block, flags=re.MULTILINE)[-1]
            assert 1 <= hunk.count("\n") <= 5


def test_the_remark_stands_right_under_its_line() -> None:
    body = text_of(written()[0])
    assert f"\n> {RETURN}\n\nimporter_ops is NULL for importers" in body


def test_findings_on_one_line_follow_each_other_without_a_second_quotation() -> None:
    body = text_of(written()[0])
    assert body.count(f"> {RETURN}") == 1
    assert body.index("importer_ops is NULL") < body.index("Please do not take")


def test_a_suggested_change_is_not_wrapped_and_hidden_from_patchwork() -> None:
    first, second = written()
    assert "\n+\treturn attach->importer_ops &&\n+\t       !dma_buf_keeps(attach);\n" in text_of(
        first
    )
    assert parsed(first)["X-Patchwork-Hint"] == "ignore"
    assert parsed(second)["X-Patchwork-Hint"] is None


def test_uncertain_findings_ask() -> None:
    body = text_of(written()[0])
    assert body.count("?\n") == 1
    assert body.index("Please say what true promises.") < body.index("Or is there something")


def test_sources_are_links_and_cited_once() -> None:
    assert (
        text_of(written()[0]).count("https://lore.kernel.org/r/20260101-lending@example.org") == 1
    )


def test_own_text_is_wrapped_at_72() -> None:
    made, patch = changed()
    long = finding(patch, RETURN, message="Please hold the reservation lock here. " * 20)
    (reply,) = replies(review_of(made, long), SETTINGS, MASK, NOW)[0]
    lines = own_text(text_of(reply))
    assert max(map(len, lines)) <= 72
    assert sum(len(line) > 50 for line in lines) > 8


def test_footer_has_at_most_four_lines_and_says_who_and_what() -> None:
    for reply in written():
        _, footer = text_of(reply).split("\n-- \n")
        assert 1 <= footer.strip("\n").count("\n") + 1 <= 4
        assert SETTINGS.operator in footer
        assert "bot" in footer
        assert "may be wrong" in footer
        assert "Answer here" in footer
        assert "Rules: " in footer
        assert all(found.rule in footer for found in reply.findings)


def test_footer_stays_short_with_many_rules() -> None:
    made, patch = changed()
    found = [finding(patch, RETURN, rule=f"a-rule-with-a-long-name-{n}") for n in range(12)]
    (reply,) = replies(review_of(made, *found), SETTINGS, MASK, NOW)[0]
    assert text_of(reply).split("\n-- \n")[1].strip("\n").count("\n") + 1 <= 4
    assert all(
        f"a-rule-with-a-long-name-{n}" in parsed(reply)["X-Revokebot-Rules"] for n in range(12)
    )


def test_an_operator_without_a_name_is_no_person() -> None:
    made, patch = changed()
    settings = SETTINGS._replace(operator="")
    (reply,) = replies(review_of(made, finding(patch, RETURN)), settings, MASK, NOW)[0]
    assert "nobody has put a name to yet" in text_of(reply)


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


def test_threading_headers() -> None:
    found = parsed(one(references=("root@example.org", COVER)))
    assert found["In-Reply-To"] == f"<{FIRST}>"
    assert found["References"].split() == ["<root@example.org>", f"<{COVER}>", f"<{FIRST}>"]


def test_headers_for_machines() -> None:
    found = parsed(written()[0])
    assert found["Auto-Submitted"] == "auto-replied"
    assert found["X-Revokebot-Rules"] == "callback-test, helper-wording, null-importer-ops"
    assert found["X-Revokebot-Version"]
    assert found["Date"].datetime == NOW
    assert not {"precedence", "bcc"} & {name.lower() for name in found}
    assert not any(name.lower().startswith("list-") for name in found)


def test_it_is_plain_text_in_utf_8_of_one_part() -> None:
    found = parsed(written()[0])
    assert found.get_content_type() == "text/plain"
    assert found.get_content_charset() == "utf-8"
    assert not found.is_multipart()


def test_message_id_depends_on_mail_findings_and_bot_alone() -> None:
    made, patch = changed()
    again = review_of(made, finding(patch, RETURN, message="other words"))
    later = NOW.replace(year=2027)
    (reply,) = replies(again, SETTINGS, MASK, later)[0]
    assert reply.msgid == one().msgid
    assert reply.msgid.endswith("@bots.example.org")
    (other,) = replies(
        review_of(made, finding(patch, RETURN, fingerprint="f" * 16)), SETTINGS, MASK, NOW
    )[0]
    settings = SETTINGS._replace(address="revokebot@elsewhere.example")
    (moved,) = replies(again, settings, MASK, NOW)[0]
    assert len({reply.msgid, other.msgid, moved.msgid}) == 3


def addressed(**changes: object) -> tuple[str, list[str]]:
    made, _ = changed(**changes)
    mail: Mail = made.mails[FIRST]
    to, cc, _ = recipients(mail, SETTINGS, PolicySettings())
    return to[0].email if to else "", [address.email for address in cc]


def test_recipients_are_author_and_all_others_once() -> None:
    to, cc = addressed(
        to=(Address("", "AUTHOR@example.org"), Address("", "list@example.org")),
        cc=(Address("again", "List@Example.org"), Address("", "other@example.org")),
    )
    assert to == "author@example.org"
    assert cc == ["list@example.org", "other@example.org"]


@pytest.mark.parametrize(
    "nobody",
    [
        "revokebot@bots.example.org",
        "RevokeBot@Bots.Example.org",
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
def test_recipients_without(nobody: str) -> None:
    _, cc = addressed(cc=(Address("x", nobody), Address("", "kept@example.org")))
    assert cc == ["dma-buf@lists.example.org", "kept@example.org"]


def test_the_author_behind_a_relay_is_answered() -> None:
    relay = Address("Author via relay", "devnull+author@kernel.org")
    to, cc = addressed(sender=relay, reply_to=(Address("", "author@example.org"),))
    assert to == "author@example.org"
    assert relay.email not in cc


@pytest.mark.parametrize("msgid", ["0123@git.invalid", "a b@example.org", "<x>@example.org"])
def test_what_has_no_message_id_is_refused_aloud(msgid: str) -> None:
    patch = Patch(1, msgid, "[PATCH] x", "", HEADER_DIFF)
    done, refused = replies(review_of(posting(patch), finding(patch, RETURN)), SETTINGS, MASK, NOW)
    assert done == ()
    assert len(refused) == 1
    assert msgid in refused[0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"auto_submitted": "auto-replied"}, "sent by a program"),
        (
            {"author": Address("", SETTINGS.address), "sender": Address("", "x@example.org")},
            "is our own",
        ),
        (
            {"author": Address("", "x"), "sender": Address("", "x"), "to": (), "cc": ()},
            "no address",
        ),
    ],
)
def test_what_must_not_be_answered_is_refused_aloud(changes: dict[str, object], said: str) -> None:
    made, patch = changed(**changes)
    done, refused = replies(review_of(made, finding(patch, RETURN)), SETTINGS, MASK, NOW)
    assert done == ()
    assert said in refused[0]


def test_auto_submitted_no_is_a_person() -> None:
    assert one(auto_submitted="no").parent == FIRST
