# SPDX-License-Identifier: GPL-2.0-or-later
"""The counting against a plain model, over series that come, are answered and change at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from bot.ledger import ledger
from bot.model import Address
from bot.outgoing import Dismissal, Earlier, Mention, Said
from bot.record import Kept, Past, Record, muted_by, tally
from bot.settings import PolicySettings
from tests.ledger.frob import MAP, finding, posting_of, review_of

NAMES = ("first", "second", "third", "fourth")
RULES = {"first": "resv-lock", "second": "resv-lock", "third": "resv-lock", "fourth": "direct-op"}
PERSON = Address("R E Viewer", "reviewer@review.example")
THEN = datetime(2026, 3, 4, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Step(NamedTuple):
    """One revision, and what people do about it before the next."""

    found: frozenset[str]
    answered: frozenset[str]
    dismissed: frozenset[str]


some = st.frozensets(st.sampled_from(NAMES))
rarely = st.one_of(st.just(frozenset[str]()), some)
steps = st.lists(st.builds(Step, some, rarely, rarely), min_size=1, max_size=5)


class Play:
    """What the ledger makes of the steps, with one mail for each revision that has to say something."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.earlier: list[Earlier] = []
        self.kept: list[Kept] = []
        self.dismissed: dict[str, str] = {}
        self.told: dict[str, list[Mention]] = {}
        said: list[Said] = []
        for number, step in enumerate(steps, 1):
            made = posting_of(MAP, revision=number)
            (patch,) = made.series.patches
            all_ = {
                name: finding(patch, f"+\tfrob_{name}(frob);", symbol=name, rule=RULES[name])
                for name in NAMES
            }
            found = review_of(made, *(all_[name] for name in NAMES if name in step.found))
            entries = ledger(found, self.earlier, said, self.dismissed)
            self.kept += (
                Kept(e.finding.fingerprint, e.status, e.mention, e.revision) for e in entries
            )
            new = {
                e.finding.fingerprint: Mention(f"m{number}", number, e.finding.line_text)
                for e in entries
                if e.spoken
            }
            for fingerprint, mail in new.items():
                self.told.setdefault(fingerprint, []).append(mail)
            here = {mark: (mail,) for mark, mail in new.items()}
            self.earlier.append(Earlier(number, made.series.msgid, found.findings, here))
            self.marks = {name: one.fingerprint for name, one in all_.items()}
            said += (
                answer(mail)
                for name in step.answered
                for mail in self.told.get(self.marks[name], ())[-1:]
            )
            self.dismissed |= {self.marks[name]: RULES[name] for name in step.dismissed}

    @property
    def past(self) -> Past:
        return Past(self.earlier, self.kept)

    @property
    def dismissals(self) -> list[Dismissal]:
        return [Dismissal(mark, rule, "no", THEN) for mark, rule in self.dismissed.items()]

    @property
    def sent(self) -> set[str]:
        return {mail.msgid for mails in self.told.values() for mail in mails}

    def records(self) -> dict[str, Record]:
        return tally([self.past], self.sent, self.dismissals, LONG_AGO)


def answer(mail: Mention) -> Said:
    """What a person says below the line of the finding."""
    line, msgid = mail.line_text, f"to-{mail.msgid}-{mail.line_text}"
    return Said(
        msgid, "", PERSON, False, False, None, "", line, (line,), "No, it is not so.",
        parent=mail.msgid,
    )  # fmt: skip


def expected(steps: Sequence[Step]) -> dict[str, Record]:
    """By the words of the docstring of `bot.record`, step by step for each finding."""
    counts: Counter[tuple[str, str]] = Counter()
    for name in NAMES:
        told = refused = dismissed = asked = addressed = False
        for step in steps:
            here = name in step.found
            if here and asked:
                refused = True
            told = told or (here and not dismissed and not asked)
            addressed = told and not here
            asked = asked or (told and name in step.answered)
            dismissed = dismissed or name in step.dismissed
        rule = RULES[name]
        counts[rule, "told"] += told
        if dismissed:
            counts[rule, "dismissed"] += 1
        elif addressed:
            counts[rule, "addressed"] += 1
        elif refused:
            counts[rule, "dismissed"] += 1
        elif told:
            counts[rule, "open"] += 1
    rules = {rule for rule, _what in counts if counts[rule, "told"] or counts[rule, "dismissed"]}
    what = ("told", "addressed", "dismissed", "open")
    return {rule: Record(*(counts[rule, key] for key in what)) for rule in rules}


@given(steps)
def test_it_is_what_a_person_would_count(steps: list[Step]) -> None:
    assert Play(steps).records() == expected(steps)


@given(steps, st.randoms(use_true_random=False))
def test_the_order_of_what_is_kept_does_not_matter(steps: list[Step], dice: object) -> None:
    play = Play(steps)
    before = play.records()
    for rows in (play.earlier, play.kept):
        dice.shuffle(rows)  # type: ignore[attr-defined]
    assert play.records() == before


@given(steps)
def test_mails_that_do_not_count_take_their_findings_along(steps: list[Step]) -> None:
    play = Play(steps)
    none = tally([play.past], (), play.dismissals, LONG_AGO)
    alone = Counter(play.dismissed.values())
    assert none == {rule: Record(dismissed=count) for rule, count in alone.items()}
    assert tally([play.past], (), play.dismissals, THEN) == {}


numbers = st.integers(0, 20)
policies = st.builds(
    PolicySettings, floor=st.floats(0, 1), floor_least=st.integers(0, 9)
)  # fmt: skip


@given(numbers, numbers, policies)
def test_a_rule_is_muted_exactly_when_its_share_is_below_the_floor(
    addressed: int, dismissed: int, policy: PolicySettings
) -> None:
    record = Record(addressed + dismissed, addressed, dismissed)
    muted = "x" in muted_by({"x": record}, policy)
    enough = record.judged >= policy.floor_least and record.judged > 0
    assert muted == (enough and addressed < policy.floor * record.judged)
    more = record._replace(dismissed=dismissed + 1)
    assert not muted or "x" in muted_by({"x": more}, policy), "a no never makes it heard"
    better = record._replace(addressed=addressed + 1)
    if enough and not muted:
        assert "x" not in muted_by({"x": better}, policy), "nor does a yes mute it"
    assert muted_by({"x": record}, policy._replace(unmuted=("x",))) == {}
