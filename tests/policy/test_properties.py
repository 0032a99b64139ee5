# SPDX-License-Identifier: GPL-2.0-or-later
"""What holds of the policy for every case and all settings."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.model import Address
from bot.outgoing import Action, Recipients, Sent
from bot.policy import Case, decide
from bot.settings import PolicySettings
from checks.api import Confidence, Problem, Severity
from tests.policy.cases import ALLOWED, CASE, LIST, OTHER, found, mail
from tests.render.reviews import NOW

EMAILS = ("author@example.org", "other@example.org", "lkp@intel.com", CASE.own)
LISTS = (LIST, OTHER, "l.lists.example.org")

some_lists = st.lists(st.sampled_from(LISTS), unique=True).map(tuple)
some_emails = st.lists(st.sampled_from(EMAILS), unique=True, max_size=2).map(tuple)
nobody = st.just(())
counts = st.builds(
    Sent,
    st.integers(0, 4),
    st.one_of(st.none(), st.integers(0, 30).map(lambda h: NOW - timedelta(hours=h))),
)

settings = st.builds(
    PolicySettings,
    post=st.sampled_from(["send", "send", "send", "draft", "off"]),
    lists=st.one_of(st.just(LISTS), some_lists),
    quiet=st.one_of(nobody, some_lists),
    authors=st.one_of(nobody, some_emails),
    leave=st.one_of(nobody, some_emails),
    bots=st.one_of(nobody, some_emails),
    severity=st.sampled_from([s.value for s in Severity]),
    confidence=st.sampled_from(["high", "medium"]),
    muted=st.sampled_from([(), (found().rule,)]),
    embargo_minutes=st.sampled_from([0, 0, 120, 10**12]),
    max_age_days=st.sampled_from([0, 14, 14, 10**9]),
    per_author=st.integers(0, 9),
    per_list=st.integers(0, 9),
    per_day=st.integers(0, 9),
    floor=st.floats(0, 1),
)  # fmt: skip
mostly = st.sampled_from([True, True, True, False])
cases = st.builds(
    Case,
    findings=st.lists(
        st.builds(
            found, severity=st.sampled_from(Severity), confidence=st.sampled_from(Confidence)
        ),
        max_size=3,
    ).map(tuple),
    mail=st.builds(
        mail,
        author=st.sampled_from([*(EMAILS[:1] * 4), *EMAILS]).map(lambda e: Address("", e)),
        auto_submitted=st.sampled_from(["", "", "", "no", "auto-replied"]),
    ),
    recipients=st.just(CASE.recipients) | st.just(Recipients((), ())),
    lists=some_lists,
    now=st.just(NOW),
    own=st.just(CASE.own),
    unknown_lists=st.sampled_from([(), (), ("l@lists.example.org",)]),
    complete=mostly,
    newest=mostly,
    date=st.sampled_from(
        [None, *(NOW - timedelta(hours=hours) for hours in (-99, 0, 1, 24, 24, 24, 999))]
    ),
    errors=st.sampled_from([(), (), (Problem("rule-crashed", "x", "y"),)]),
    author_sent=counts,
    list_sent=st.dictionaries(st.sampled_from(LISTS), counts),
    all_sent=counts,
    by_hand=st.just(False),
)

Change = Callable[[Case, PolicySettings], tuple[Case, PolicySettings]]


def setting(key: str, value: Callable[[PolicySettings], object]) -> Change:
    return lambda case, old: (case, old._replace(**{key: value(old)}))  # type: ignore[arg-type]


def fact(key: str, value: Callable[[Case], object]) -> Change:
    return lambda case, old: (case._replace(**{key: value(case)}), old)  # type: ignore[arg-type]


PROHIBITIONS: dict[str, Change] = {
    "off": setting("post", lambda old: "off"),
    "draft": setting("post", lambda old: "draft"),
    "no lists": setting("lists", lambda old: ()),
    "fewer lists": setting("lists", lambda old: old.lists[1:]),
    "quiet": setting("quiet", lambda old: (*old.quiet, LIST)),
    "leave": setting("leave", lambda old: (*old.leave, EMAILS[0])),
    "bot": setting("bots", lambda old: (*old.bots, EMAILS[0])),
    "only others": setting("authors", lambda old: old.authors[1:] or ("nobody@example.org",)),
    "severity": setting("severity", lambda old: "error"),
    "confidence": setting("confidence", lambda old: "high"),
    "embargo": setting("embargo_minutes", lambda old: old.embargo_minutes + 600),
    "age": setting("max_age_days", lambda old: old.max_age_days // 2),
    "per author": setting("per_author", lambda old: old.per_author // 2),
    "per list": setting("per_list", lambda old: old.per_list // 2),
    "per day": setting("per_day", lambda old: old.per_day // 2),
    "one more list": fact("lists", lambda case: (*case.lists, OTHER)),
    "unknown list": fact("unknown_lists", lambda case: (*case.unknown_lists, "l@groups.io")),
    "incomplete": fact("complete", lambda case: False),
    "superseded": fact("newest", lambda case: False),
    "no date": fact("date", lambda case: None),
    "crash": fact("errors", lambda case: (*case.errors, Problem("rule-crashed", "z", "y"))),
    "fewer findings": fact("findings", lambda case: case.findings[1:]),
    "one more mail": fact("all_sent", lambda case: Sent(case.all_sent.mails + 1)),
    "nobody": fact("recipients", lambda case: Recipients((), ())),
}


@given(cases, settings, st.sampled_from(sorted(PROHIBITIONS)))
def test_one_more_prohibition_never_lets_something_out(
    case: Case, old: PolicySettings, name: str
) -> None:
    after = decide(*PROHIBITIONS[name](case, old))
    if decide(case, old).action is not Action.SEND:
        assert after.action is not Action.SEND


def test_every_prohibition_can_bite() -> None:
    """Each, taken to its end, stops the case that may be sent; so none of them is without effect."""
    case = CASE._replace(date=NOW - timedelta(hours=3))
    medium = case._replace(
        findings=(found(severity=Severity.WARNING, confidence=Confidence.MEDIUM),)
    )
    lax = ALLOWED._replace(confidence="medium", max_age_days=1, lists=(LIST,))
    assert decide(medium, lax).action is Action.SEND
    for name, change in PROHIBITIONS.items():
        bitten = change(medium, lax)
        for _ in range(50):
            bitten = change(*bitten)
        assert decide(*bitten).action is not Action.SEND, name


@given(cases)
def test_default_settings_never_send(case: Case) -> None:
    assert decide(case, PolicySettings()).action is not Action.SEND
    assert decide(case, ALLOWED._replace(lists=())).action is not Action.SEND


@given(cases, settings)
def test_what_is_sent_was_allowed_by_all(case: Case, old: PolicySettings) -> None:
    verdict = decide(case, old)
    if verdict.action is Action.SEND:
        assert old.post == "send"
        assert case.lists or case.unknown_lists
        assert set(case.lists) <= set(old.lists) - set(old.quiet)
        assert case.mail.author.email not in (*old.leave, *old.bots, "lkp@intel.com", case.own)
        assert case.complete
        assert case.newest
        assert case.date is not None
    assert (verdict.until is not None) == (verdict.action is Action.HOLD)


@given(cases, settings)
def test_a_person_lets_nothing_out_that_nobody_may_send(case: Case, old: PolicySettings) -> None:
    if decide(case._replace(by_hand=True), old).action is Action.SEND:
        assert old.post != "off"
        assert case.mail.author.email not in (*old.leave, *old.bots, "lkp@intel.com", case.own)
        assert case.mail.auto_submitted in ("", "no")
        assert case.recipients.to
        assert case.newest


@given(cases, settings)
def test_same_case_same_verdict_and_nothing_is_changed(case: Case, old: PolicySettings) -> None:
    before = pickle.dumps((case, old))
    assert decide(case, old) == decide(pickle.loads(before)[0], old) == decide(case, old)
    assert pickle.loads(before) == (case, old)
