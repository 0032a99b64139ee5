# SPDX-License-Identifier: GPL-2.0-or-later
"""A reply by the ledger: what is new in full, what stands in one line, once for one function."""

from __future__ import annotations

import email
import email.policy
from typing import Any

import pytest

from bot.outgoing import Entry, Status
from bot.render.mail import Reply, replies
from checks.api import Confidence, Finding
from tests.render.reviews import (
    COVER,
    FIRST,
    HEADER_DIFF,
    MASK,
    NOW,
    SECOND,
    SETTINGS,
    finding,
    posting,
    review,
    review_of,
)

RETURN = "+\treturn attach->importer_ops->invalidate_mappings;"
TEST = "+\tif (!dma_buf_is_lent(dmabuf))"
EARLIER = "revokebot-0123@bots.example.org"
STANDS = f"\n\nThis still stands: https://lore.kernel.org/r/{EARLIER}\n"
FULL = "importer_ops is NULL for importers"


def text_of(reply: Reply) -> str:
    return str(email.message_from_bytes(reply.raw, policy=email.policy.default).get_content())


def told(*entries: Entry) -> tuple[Reply, ...]:
    done = review()._replace(findings=tuple(entry.finding for entry in entries))
    written, refused = replies(done, SETTINGS, MASK, NOW, entries=entries)
    assert refused == ()
    return written


def entry(found: Finding, status: Status, mention: str = EARLIER) -> Entry:
    return Entry(found, status, "first told for v1", mention, 1)


def found(text: str = RETURN, **changes: object) -> Finding:
    return finding(posting().series.patches[0], text, **changes)


def one_body(*findings: Finding) -> str:
    (reply,) = replies(review_of(posting(), *findings), SETTINGS, MASK, NOW)[0]
    return text_of(reply)


def test_a_new_finding_is_said_in_full() -> None:
    (reply,) = told(entry(found(), Status.NEW, ""))
    assert FULL in text_of(reply)
    assert "still stands" not in text_of(reply)


def test_a_standing_finding_is_one_line_and_a_link_under_its_line() -> None:
    (reply,) = told(entry(found(suggestion="+x\n"), Status.STANDING))
    body = text_of(reply)
    assert f"\n> {RETURN}{STANDS}\n-- \n" in body
    assert FULL not in body
    assert "X-Patchwork-Hint" not in reply.raw.decode()


def test_a_standing_finding_whose_mail_is_not_known_has_no_link() -> None:
    (reply,) = told(entry(found(), Status.STANDING, ""))
    assert f"\n> {RETURN}\n\nThis still stands.\n" in text_of(reply)


def test_new_and_standing_are_in_one_mail_in_the_order_of_the_diff() -> None:
    old = entry(found(TEST, rule="helper-wording"), Status.STANDING)
    (reply,) = told(entry(found(), Status.NEW, ""), old)
    body = text_of(reply)
    assert body.index("This still stands: ") < body.index(FULL)
    assert [given.rule for given in reply.findings] == ["helper-wording", "null-importer-ops"]


def test_only_standing_findings_on_several_patches_are_one_short_mail() -> None:
    first, second = posting().series.patches
    entries = [
        entry(finding(first, RETURN), Status.STANDING),
        entry(finding(second, "+\tthird();"), Status.STANDING),
    ]
    (reply,) = told(*entries)
    assert reply.parent == COVER
    assert text_of(reply).count(f"> {RETURN}{STANDS}") == 1
    assert text_of(reply).count("> +\tthird();\n\nThis still stands too.\n") == 1
    assert text_of(reply).count("\n") < 60
    new = entry(finding(second, "+\tthird();"), Status.NEW, "")
    assert [given.parent for given in told(entries[0], new)] == [FIRST, SECOND]


SILENT = [status for status in Status if status not in (Status.NEW, Status.STANDING)]


@pytest.mark.parametrize("status", SILENT)
def test_nothing_else_speaks(status: Status) -> None:
    assert told(entry(found(), status)) == ()
    (reply,) = told(entry(found(TEST, message="Words."), Status.NEW, ""), entry(found(), status))
    assert FULL not in text_of(reply)
    assert len(reply.findings) == 1


def test_low_confidence_is_never_mailed_whatever_the_ledger_says() -> None:
    low = found(confidence=Confidence.LOW)
    assert told(entry(low, Status.NEW, ""), entry(low, Status.STANDING)) == ()


def test_without_a_ledger_everything_is_new() -> None:
    done = review()
    new = [Entry(given, Status.NEW, "") for given in done.findings]
    assert replies(done, SETTINGS, MASK, NOW, entries=new) == replies(done, SETTINGS, MASK, NOW)


def test_an_empty_ledger_says_nothing() -> None:
    assert replies(review(), SETTINGS, MASK, NOW, entries=()) == ((), ())


def test_one_kind_in_one_function_is_told_once() -> None:
    body = one_body(found(TEST), found())
    assert body.count(FULL) == 1
    assert f"\n> {RETURN}\n\nSame here.\n\n-- \n" in body


def test_what_is_not_certain_asks_again() -> None:
    assert "\n\nSame here?\n" in one_body(found(TEST), found(confidence=Confidence.MEDIUM))


def test_a_suggestion_of_its_own_is_not_lost() -> None:
    body = one_body(found(TEST, suggestion="+a\n"), found(suggestion="+b\n"))
    assert body.count("\n+a\n") == body.count("\n+b\n") == 1
    assert "Same here.\n\nMaybe like this:\n\n+b\n" in body
    assert one_body(found(TEST, suggestion="+a\n"), found(suggestion="+a\n")).count("\n+a\n") == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "another_function", "message": "Other words."},
        {"file": "another/file.c", "message": "Other words."},
        {"rule": "another-rule"},
        {"facts": {"kind": "another"}},
    ],
)
def test_another_function_file_rule_or_kind_is_told_in_full(changes: dict[str, Any]) -> None:
    body = one_body(found(TEST), found(**changes))
    assert FULL in body
    assert changes.get("message", FULL) in body.partition(f"> {RETURN}\n")[2]
    assert "Same here" not in body


@pytest.mark.parametrize("place", [{"symbol": "another_function"}, {"symbol": ""}])
def test_the_same_words_are_told_once_wherever_it_is(place: dict[str, Any]) -> None:
    body = one_body(found(TEST), found(**place))
    assert body.count(FULL) == 1
    assert f"\n> {RETURN}\n\nSame here.\n" in body


def test_what_is_in_no_function_is_told_in_full_when_its_words_differ() -> None:
    body = one_body(found(TEST, symbol=""), found(symbol="", message="Other words."))
    assert FULL in body
    assert "Other words." in body


def test_a_mail_asks_its_question_once() -> None:
    medium = {"confidence": Confidence.MEDIUM}
    body = one_body(found(TEST, **medium), found(rule="another-rule", message="Words.", **medium))
    assert body.count("Or am I missing something?") == 1
    assert "\n\nWords.\n\nOr am I missing something here as well?\n" in body


@pytest.mark.parametrize("after", ["", " Without it this would race."])
def test_words_that_ask_need_no_further_question(after: str) -> None:
    body = one_body(found(message=f"Is the lock held?{after}", confidence=Confidence.MEDIUM))
    assert f"Is the lock held?{after}" in body
    assert "missing something" not in body


def test_mails_of_two_revisions_are_each_named_once() -> None:
    body = text_of(
        *told(
            entry(found(TEST, rule="helper-wording"), Status.STANDING, "revokebot-4@bots.example"),
            entry(found(), Status.STANDING),
        )
    )
    assert body.count("This still stands: https://lore.kernel.org/r/revokebot-") == 2
    assert "too" not in body.partition("> ")[2].partition("-- ")[0]


def test_a_new_finding_beside_a_standing_one_is_told_in_full() -> None:
    (reply,) = told(entry(found(TEST), Status.STANDING), entry(found(), Status.NEW, ""))
    assert "This still stands" in text_of(reply)
    assert FULL in text_of(reply)


def test_the_same_words_on_one_line_are_told_once() -> None:
    body = one_body(found(), found(fingerprint="f" * 16))
    assert body.count(FULL) == 1
    assert "Same here" not in body
    assert "Other words" in one_body(found(), found(message="Other words."))


def test_all_fingerprints_count_for_the_message_id() -> None:
    (one,) = replies(review_of(posting(), found(TEST)), SETTINGS, MASK, NOW)[0]
    (both,) = replies(review_of(posting(), found(TEST), found()), SETTINGS, MASK, NOW)[0]
    assert one.msgid != both.msgid
    assert len(both.findings) == 2


def test_the_envelope_is_that_of_the_headers() -> None:
    (reply, _) = replies(review(), SETTINGS, MASK, NOW)[0]
    mail = email.message_from_bytes(reply.raw, policy=email.policy.default)
    envelope = reply.envelope
    assert mail["Message-ID"] == f"<{envelope.msgid}>"
    assert envelope.sender == SETTINGS.address == mail["From"].addresses[0].addr_spec
    named = [address.addr_spec for key in ("To", "Cc") for address in mail[key].addresses]
    assert list(envelope.recipients) == named
    assert envelope.raw == reply.raw
    assert mail["Subject"] == reply.subject == "Re: [PATCH v2 1/2] dma-buf: lend buffers"
    assert HEADER_DIFF.split("\n")[0] in text_of(reply)
