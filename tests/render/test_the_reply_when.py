# SPDX-License-Identifier: GPL-2.0-or-later
"""Section *The reply* of the design, its points: when there is a reply, and when not.

One test for each sentence, in the order of the section.  What a sender does
right before sending is in `tests/test_sender.py` and `tests/test_look.py`.
"""

from __future__ import annotations

import pytest

from bot.ledger import ledger
from bot.model import Address
from bot.outgoing import Action, Status
from bot.policy import unanswerable
from bot.render.mail import MOST_MAILS, replies
from bot.settings import PolicySettings
from checks.api import Confidence, Patch
from checks.runner import run
from tests.ledger import frob
from tests.render.examples import examples
from tests.render.reading import RETURN, changed, text_of, written
from tests.render.reviews import (
    COVER,
    HEADER_DIFF,
    MASK,
    NOW,
    SETTINGS,
    finding,
    posting,
    review_of,
)
from tests.render.threads import OPEN, actions, answered, first_revision, second_revision
from tests.sources.mails import mail


def test_only_the_newest_revision_is_answered() -> None:
    older, newer = answered(*first_revision(), *second_revision())
    assert actions(older) == {Action.DROP}
    assert {verdict.reason for _, verdict in older.replies} == {
        "a newer revision of the series is there"
    }
    assert actions(newer) == {Action.SEND}
    assert actions(answered(*first_revision())[0]) == {Action.SEND}


def test_there_is_one_reply_for_each_patch_at_most() -> None:
    (answer,) = answered(*first_revision())
    parents = [reply.parent for reply, _ in answer.replies]
    assert len(parents) == len(set(parents)) == 2
    assert sum(len(reply.findings) for reply, _ in answer.replies) > 2


def test_more_than_three_mails_become_one_answer_to_the_cover_letter() -> None:
    patches = [
        Patch(n, f"{n}@example.org", f"[PATCH {n}/4] lend", "", HEADER_DIFF)
        for n in range(1, MOST_MAILS + 2)
    ]
    assert MOST_MAILS == 3
    found = [finding(patch, RETURN) for patch in patches]
    three = replies(review_of(posting(*patches[:3]), *found[:3]), SETTINGS, MASK, NOW)[0]
    assert [reply.parent for reply in three] == [patch.msgid for patch in patches[:3]]
    (reply,) = replies(review_of(posting(*patches), *found), SETTINGS, MASK, NOW)[0]
    assert reply.parent == COVER
    assert reply.findings == tuple(found)
    body = text_of(reply)
    places = [body.index(f"\n[PATCH {patch.number}/4] lend:\n") for patch in patches]
    assert places == sorted(places)


def test_nothing_to_say_is_no_mail() -> None:
    made, patch = changed()
    assert replies(review_of(made), SETTINGS, MASK, NOW) == ((), ())
    low = finding(patch, RETURN, confidence=Confidence.LOW)
    assert replies(review_of(made, low), SETTINGS, MASK, NOW) == ((), ())


def test_low_confidence_stays_out_of_a_mail_that_is_sent_anyway() -> None:
    assert "made-up-rule" not in written()[0].raw.decode()
    assert "A guess that must not be mailed" not in written()[0].raw.decode()


def test_what_stood_in_the_previous_revision_is_one_line_with_a_link() -> None:
    (first,) = answered(*first_revision())
    told = [reply for reply, _ in first.replies]
    _, second = answered(
        *first_revision(), *(reply.raw for reply in told), *second_revision(),
    )  # fmt: skip
    assert {entry.status for entry in second.entries if entry.spoken} == {Status.STANDING}
    (reply, _), *_ = second.replies
    links = {f"This still stands: https://lore.kernel.org/r/{one.msgid}" for one in told}
    said = [line for line in text_of(reply).split("\n") if line.startswith("This still stands")]
    assert said
    assert set(said) - {"This still stands too."} <= links


def test_what_a_person_or_another_bot_said_there_is_recorded_and_not_said() -> None:
    (before,) = answered(*first_revision())
    (found, *_) = before.replies[0][0].findings
    for who in ("R E Viewer <reviewer@example.org>", "kernel test robot <lkp@intel.com>"):
        body = f"> {found.line_text}\n\nThis is not right.\n"
        remark = mail("Re: [PATCH 1/2] x", "said@example.org", found.patch.msgid, body, sender=who)
        (answer,) = answered(*first_revision(), remark)
        (entry,) = (e for e in answer.entries if e.finding.fingerprint == found.fingerprint)
        assert (entry.status, entry.spoken) == (Status.SAID, False)
        assert entry.reason == f"said by {who.partition(' <')[0]}"
        assert found not in [each for reply, _ in answer.replies for each in reply.findings]


def test_what_a_later_patch_mends_is_recorded_and_not_said() -> None:
    made = frob.posting_of(frob.MAP, frob.MEND)
    review = frob.review_of(made, frob.finding(made.series.patches[0]))
    assert len(replies(review, SETTINGS, MASK, NOW)[0]) == 1
    entries = ledger(review, (), ())
    assert [(entry.status, entry.reason) for entry in entries] == [
        (Status.MENDED, "mended by patch 2")
    ]
    assert replies(review, SETTINGS, MASK, NOW, entries=entries) == ((), ())


def test_what_was_there_before_the_series_is_not_said() -> None:
    for example in examples():
        patches = tuple(
            patch._replace(diff=as_context(patch.diff)) for patch in example.series.patches
        )
        series = example.series._replace(patches=patches)
        done = run(series, (example.rule,), edition=example.bad.edition)
        assert (done.findings, done.errors) == ((), ()), example.name


def as_context(diff: str) -> str:
    """`diff` as if all that it adds had been there: its hunks change nothing."""
    out: list[str] = []
    for section in ("\n" + diff.rstrip("\n")).split("\ndiff --git ")[1:]:
        name = section.split("\n")[0].partition(" b/")[2]
        out += [f"diff --git a/{name} b/{name}", f"--- a/{name}", f"+++ b/{name}"]
        for hunk in section.split("\n@@ ")[1:]:
            header, *lines = hunk.split("\n")
            ranges, _, heading = header.partition(" @@")
            first = max(int(ranges.partition("+")[2].split(",")[0]), 1)
            kept = [f" {line[1:]}" for line in lines if not line.startswith("-")]
            out.append(f"@@ -{first},{len(kept)} +{first},{len(kept)} @@{heading}")
            out += kept
    return "\n".join(out) + "\n"


def test_what_has_no_address_is_refused_aloud() -> None:
    made, patch = changed(author=Address("", "x"), sender=Address("", "x"), to=(), cc=())
    done, refused = replies(review_of(made, finding(patch, RETURN)), SETTINGS, MASK, NOW)
    assert done == ()
    assert "no address" in refused[0]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ({"auto_submitted": "auto-replied"}, "a program sent the mail"),
        ({"auto_submitted": "no"}, ""),
        ({"author": Address("", SETTINGS.address)}, "our own"),
        ({"sender": Address("", SETTINGS.address)}, "our own"),
        ({"author": Address("kernel test robot", "lkp@intel.com")}, "is a bot"),
    ],
)
def test_itself_and_programs_are_never_answered(header: dict[str, object], reason: str) -> None:
    made, patch = changed(**header)
    said = unanswerable(made.mails[patch.msgid], SETTINGS.address, PolicySettings())
    assert reason in said
    assert bool(said) == bool(reason)


def test_another_bot_and_who_asked_to_be_left_alone_are_not_answered() -> None:
    for policy in (
        OPEN._replace(bots=("author@example.org",)),
        OPEN._replace(leave=("author@example.org",)),
    ):
        for reply, verdict in answered(*first_revision(), policy=policy)[0].replies:
            assert verdict.action is Action.DROP
            assert "author@example.org" not in reply.recipients.emails


def test_a_series_that_it_was_told_to_leave_is_left_in_every_revision() -> None:
    first = "20260203-can-revoke-v1-1-2f7c1d@example.org"
    left = OPEN._replace(leave=(first,))
    assert actions(answered(*first_revision(), policy=left)[0]) == {Action.DROP}
    _, newer = answered(*first_revision(), *second_revision(), policy=left)
    assert {verdict.reason for _, verdict in newer.replies} == {
        f"we were told to leave the series of {first} (policy.leave)"
    }
    other = OPEN._replace(leave=("another@example.org",))
    assert actions(answered(*first_revision(), policy=other)[0]) == {Action.SEND}


@pytest.mark.parametrize("msgid", ["0123@git.invalid", "a b@example.org", "<x>@example.org"])
def test_what_has_no_message_id_is_refused_aloud(msgid: str) -> None:
    patch = Patch(1, msgid, "[PATCH] x", "", HEADER_DIFF)
    done, refused = replies(review_of(posting(patch), finding(patch, RETURN)), SETTINGS, MASK, NOW)
    assert done == ()
    assert len(refused) == 1
    assert msgid in refused[0]
