# SPDX-License-Identifier: GPL-2.0-or-later
"""What the settings do to the answers of a thread: whom they go to, and whether they may."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.answer import Answer, Run, answers
from bot.config import Settings
from bot.outgoing import Action, Counts, Earlier, Mention, Sent, Status, Verdict
from bot.settings import PolicySettings, ReplySettings
from bot.setup import Setup
from bot.sources import SourceOptions, open_thread
from bot.sources.mbox import as_mboxrd
from tests.conftest import ROOT
from tests.integration.mails import COVER_V1, COVER_V2, world
from tests.ledger.frob import MAP, OWN, finding, posting_of, review_of
from tests.ledger.frob import reply as mail_to

EXAMPLE = str(ROOT / "examples/revocable-helper.mbox")
SOON = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)
UNCOUNTED = Counts()
OPEN = PolicySettings(post="send", lists=("dma-buf.lists.example.org",), embargo_minutes=0)


def answer(
    policy: PolicySettings,
    extra: Sequence[bytes] = (),
    now: datetime = SOON,
    counts: Counts = UNCOUNTED,
    signature: str | None = None,
) -> Answer:
    """The answer to the example series, with `extra` mails in its thread."""
    settings = Settings(reply=ReplySettings(address="bot@example.org"), policy=policy)
    raws, postings = open_thread(EXAMPLE, SourceOptions())
    review = Setup.of(settings).review
    attest = None if signature is None else lambda raw, mail: f"{mail.msgid} {signature}"
    run = Run(review, settings, now, lambda: counts, attest)
    (done,) = answers([*raws, *extra], postings, postings, run)
    return done


def test_by_default_every_reply_is_a_draft() -> None:
    verdicts = {verdict.action for _reply, verdict in answer(PolicySettings()).replies}
    assert verdicts == {Action.DRAFT}


def test_an_address_that_the_operator_excludes_is_not_written_to() -> None:
    with_list, without = (
        {email for reply, _ in answer(policy).replies for email in reply.recipients.emails}
        for policy in (OPEN, OPEN._replace(exclude=("dma-buf@lists.example.org",)))
    )
    assert with_list - without == {"dma-buf@lists.example.org"}


@pytest.mark.parametrize("setting", [{"leave": ("author@example.org",)}, {"max_age_days": 0}])
def test_what_must_not_be_sent_is_dropped(setting: dict[str, object]) -> None:
    done = answer(OPEN._replace(**setting))  # type: ignore[arg-type]
    assert {verdict.action for _reply, verdict in done.replies} == {Action.DROP}


def test_what_we_said_in_the_thread_is_not_said_again() -> None:
    first = answer(OPEN)
    assert first.replies
    again = answer(OPEN, [reply.raw for reply, _ in first.replies])
    assert again.replies == ()
    assert {entry.status for entry in again.entries} == {Status.SAID}


def test_an_earlier_revision_is_named_so_that_its_drafts_can_be_discarded(tmp_path: Path) -> None:
    settings = Settings()
    path = tmp_path / "thread.mbox"
    path.write_bytes(b"".join(as_mboxrd(note.raw()) for note in world()))
    raws, postings = open_thread(str(path), SourceOptions())
    older = {
        one.review.posting.series.msgid: one.older
        for one in answers(raws, postings, postings, Run(Setup.of(settings).review, settings, SOON))
    }
    assert older[COVER_V2] == (COVER_V1,)
    assert older[COVER_V1] == ()


@pytest.mark.parametrize(
    ("policy", "sent", "reason"),
    [
        ({"per_author": 1}, Counts(), "1 mails to this author"),
        ({"per_list": 1}, Counts(), "1 mails to dma-buf.lists.example.org"),
        ({"per_day": 3}, Counts(total=Sent(2, SOON)), "3 mails to everybody"),
        ({"per_author": 0}, Counts(), ""),
    ],
)
def test_the_replies_of_one_series_count_for_each_other(
    policy: dict[str, int], sent: Counts, reason: str
) -> None:
    done = answer(OPEN._replace(**policy), counts=sent)  # type: ignore[arg-type]
    verdicts = [verdict for _reply, verdict in done.replies]
    if reason:
        assert [verdict.action for verdict in verdicts] == [Action.SEND, Action.HOLD]
        assert verdicts[1].reason.startswith(reason)
    else:
        assert [verdict.reason[0] for verdict in verdicts] == ["0", "1"], "held ones count, too"


@pytest.mark.parametrize("signature", ["none", "pass (example.org)", "fail (x.org: body hash)"])
@pytest.mark.parametrize(
    ("policy", "looked"),
    [(OPEN, True), (PolicySettings(), True), (OPEN._replace(max_age_days=0), False)],
)
def test_a_signature_is_told_and_decides_nothing(
    policy: PolicySettings, looked: bool, signature: str
) -> None:
    done = answer(policy, signature=signature)
    assert done.replies == answer(policy).replies
    parents = [reply.parent for reply, _verdict in done.replies]
    assert done.dkim == {one: f"{one} {signature}" if looked else "" for one in parents}


def test_a_draft_counts_for_no_cap_before_it_is_approved() -> None:
    policy = PolicySettings(post="draft", per_author=1, lists=OPEN.lists, embargo_minutes=0)
    assert {verdict.action for _reply, verdict in answer(policy).replies} == {Action.DRAFT}


def without_the_fifth(
    symbol: str = "frob_remove", raws: Sequence[bytes] = (), sent: Sequence[Mention] = ()
) -> Answer:
    """The answer to a v2 that has one finding, after a v1 that had another one in `symbol`, too.

    `sent` are the mails that have left for v2.
    """
    first, second = (posting_of(MAP, revision=number) for number in (1, 2))
    stays = finding(first.series.patches[0])
    goes = finding(first.series.patches[0], "+\tfrob_fifth(frob);", symbol=symbol)
    told = {one.fingerprint: (Mention("m1@b.x", 1, one.line_text),) for one in (stays, goes)}
    past = Earlier(1, first.series.msgid, (stays, goes), told)
    here = Earlier(2, second.series.msgid, (), {"another": tuple(sent)})
    settings = Settings(
        reply=ReplySettings(address=OWN), policy=PolicySettings(tell_addressed=True)
    )
    run = Run(
        lambda made: review_of(made, finding(made.series.patches[0])),
        settings,
        SOON,
        stored=lambda line: (past, here),
    )
    (done,) = answers(raws, [second], [second], run)
    assert [entry.status for entry in done.entries] == [Status.STANDING, Status.ADDRESSED]
    return done


@pytest.mark.parametrize(("symbol", "said"), [("frob_probe", False), ("frob_remove", True)])
def test_what_is_gone_is_not_said_where_the_rule_still_finds_something(
    symbol: str, said: bool
) -> None:
    ((reply, _verdict),) = without_the_fifth(symbol).replies
    assert (b"No longer seen in v2" in reply.raw) == said


@pytest.mark.parametrize(("sender", "said"), [(f"bot <{OWN}>", False), ("R <r@x.org>", True)])
def test_what_is_gone_is_not_said_after_a_first_mail_to_the_revision(
    sender: str, said: bool
) -> None:
    line = next(line for line in MAP.split("\n") if "frob_unmap_everything" in line)
    mail = mail_to(f"> {line}\n\nHm.\n", "f2-1@author.example", sender)
    ((reply, _verdict),) = without_the_fifth(raws=[mail]).replies
    assert (b"No longer seen in v2" in reply.raw) == said


@pytest.mark.parametrize(("revision", "said"), [(1, True), (2, False)])
def test_what_is_gone_is_not_said_after_a_mail_that_no_archive_shows(
    revision: int, said: bool
) -> None:
    ((reply, _verdict),) = without_the_fifth(sent=[Mention("m2@b.x", revision, "")]).replies
    assert (b"No longer seen in v2" in reply.raw) == said


def test_what_the_operator_says_in_the_talk_below_is_no_answer_to_the_patch() -> None:
    talk = [to_patch(2, "r1@x.org", "R <r@example.org>")]
    talk += [mail_to("Hm.\n", "r1@x.org", "bot <bot@example.org>", f"o{n}@b.x") for n in range(3)]
    assert {verdict.action for _reply, verdict in answer(OPEN, talk).replies} == {Action.SEND}


def to_patch(number: int, msgid: str, sender: str) -> bytes:
    """A mail to a patch of the example that quotes nothing of it."""
    parent = f"20260203-can-revoke-v1-{number}-2f7c1d@example.org"
    return mail_to("Hm.\n", parent, sender, msgid)


def test_one_patch_gets_one_mail_though_there_is_more_to_say() -> None:
    done = answer(OPEN, [to_patch(2, "m1@b.x", "bot <bot@example.org>")])
    first, second = (verdict for _reply, verdict in done.replies)
    assert first.action is Action.SEND
    assert second == Verdict(Action.DROP, "the mail was answered by <m1@b.x> already")
    done = answer(OPEN, [to_patch(2, "m1@b.x", "R <r@example.org>")])
    assert {verdict.action for _reply, verdict in done.replies} == {Action.SEND}


@pytest.mark.parametrize(("others", "sent"), [(0, 2), (1, 2), (2, 1), (3, 0), (4, 0)])
def test_a_revision_gets_three_mails_over_all_runs(others: int, sent: int) -> None:
    mails = [to_patch(0, f"m{number}@b.x", "bot <bot@example.org>") for number in range(others)]
    verdicts = [verdict for _reply, verdict in answer(OPEN, mails).replies]
    assert [verdict.action for verdict in verdicts].count(Action.SEND) == sent
    surplus = [verdict.reason for verdict in verdicts if verdict.action is not Action.SEND]
    assert set(surplus) <= {f"{max(others, 3)} mails have answered this revision already"}
