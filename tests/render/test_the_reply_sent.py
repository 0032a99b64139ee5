# SPDX-License-Identifier: GPL-2.0-or-later
"""Section *The reply* of the design, its points: headers, to whom, when, and when not.

One test for each sentence, in the order of the section.  What a sender does
right before sending is in `tests/test_sender.py` and `tests/test_look.py`,
that public-inbox keeps one of two in `tests/integration/test_once.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.answer import Answer, answers
from bot.commands.review import Setup
from bot.config import Settings
from bot.ledger import ledger
from bot.model import Address, Mail
from bot.outgoing import Action, Counts, Status
from bot.policy import unanswerable
from bot.recipients import recipients
from bot.render.mail import MOST_MAILS, replies
from bot.settings import PolicySettings, ReplySettings
from bot.sources.mail import read_mail
from bot.sources.mbox import read_file
from bot.sources.series import assemble
from checks.api import Confidence, Patch
from checks.runner import run
from tests.conftest import ROOT
from tests.ledger import frob
from tests.render.examples import examples
from tests.render.reading import RETURN, changed, one, parsed, text_of, written
from tests.render.reviews import (
    COVER,
    FIRST,
    HEADER_DIFF,
    MASK,
    NOW,
    SETTINGS,
    finding,
    posting,
    review_of,
)
from tests.sources.mails import mail

EXAMPLE = ROOT / "examples/revocable-helper.mbox"
OWN = ReplySettings(address="bot@example.org", operator="A U Thor")
OPEN = PolicySettings(post="send", lists=("dma-buf.lists.example.org",), embargo_minutes=0)
SOON = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)


def first_revision() -> list[bytes]:
    return list(read_file(EXAMPLE))


def second_revision() -> list[bytes]:
    return [
        raw.replace(b"[PATCH ", b"[PATCH v2 ").replace(b"revoke-v1-", b"revoke-v2-")
        for raw in first_revision()
    ]


def answered(*raws: bytes, policy: PolicySettings = OPEN) -> list[Answer]:
    """The answers to every series in `raws`, in the order of their revisions."""
    settings = Settings(reply=OWN, policy=policy)
    postings = sorted(assemble(map(read_mail, raws)), key=lambda one: one.series.revision)
    review = Setup.of(settings).review
    return list(answers(raws, postings, postings, review, settings, SOON, Counts))


def actions(answer: Answer) -> set[Action]:
    return {verdict.action for _, verdict in answer.replies}


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
    assert set(said) <= links


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


@pytest.mark.parametrize("msgid", ["0123@git.invalid", "a b@example.org", "<x>@example.org"])
def test_what_has_no_message_id_is_refused_aloud(msgid: str) -> None:
    patch = Patch(1, msgid, "[PATCH] x", "", HEADER_DIFF)
    done, refused = replies(review_of(posting(patch), finding(patch, RETURN)), SETTINGS, MASK, NOW)
    assert done == ()
    assert len(refused) == 1
    assert msgid in refused[0]
