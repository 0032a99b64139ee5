# SPDX-License-Identifier: GPL-2.0-or-later
"""The verdict and the reason for each thing that keeps a reply from going out."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bot.model import Address
from bot.outgoing import Action, Recipients, Sent
from bot.policy import decide
from bot.settings import PolicySettings
from checks.api import Confidence, Problem, Severity
from tests.policy.cases import ALLOWED, CASE, LIST, OTHER, found, mail
from tests.render.reviews import NOW, SETTINGS

HOUR = timedelta(hours=1)
OWN = Address("", SETTINGS.address.upper())
CRASH = Problem("rule-crashed", "null-importer-ops", "report it")

ROWS: list[tuple[dict[str, object], dict[str, object], Action, str]] = [
    # What the case has, what the settings say, the verdict, and words of its reason.
    ({}, {}, Action.SEND, f"allowed on {LIST}"),
    ({"mail": mail(author=OWN)}, {}, Action.DROP, "our own"),
    ({"mail": mail(sender=OWN)}, {}, Action.DROP, "our own"),
    ({"mail": mail(auto_submitted="auto-generated")}, {}, Action.DROP, "Auto-Submitted"),
    ({"mail": mail(auto_submitted="no")}, {}, Action.SEND, ""),
    ({"mail": mail(author=Address("", "lkp@intel.com"))}, {}, Action.DROP, "is a bot"),
    ({}, {"bots": ("Author@example.org",)}, Action.DROP, "is a bot"),
    ({}, {"leave": ("AUTHOR@example.org",)}, Action.DROP, "policy.leave"),
    (
        {"mail": mail(reply_to=(Address("", "r@example.org"),))},
        {"leave": ("r@example.org",)},
        Action.DROP,
        "policy.leave",
    ),
    ({"series": frozenset({"0@x", "1@x"})}, {"leave": ("<1@x>",)}, Action.DROP, "series of 1@x"),
    ({"series": frozenset({"0@x", "1@x"})}, {"leave": ("2@x",)}, Action.SEND, ""),
    ({}, {"leave": (LIST.upper(),)}, Action.DROP, f"the list {LIST} is to be left alone"),
    ({"by_hand": True}, {"leave": (LIST,)}, Action.DROP, "policy.leave"),
    ({}, {"leave": (OTHER,)}, Action.SEND, ""),
    ({"recipients": Recipients((), ())}, {}, Action.DROP, "nobody is left"),
    ({"newest": False}, {}, Action.DROP, "newer revision"),
    ({"date": NOW - timedelta(days=14, seconds=1)}, {}, Action.DROP, "policy.max_age_days"),
    ({"date": NOW - timedelta(days=14)}, {}, Action.SEND, ""),
    ({"history": False}, {}, Action.DRAFT, "earlier revisions could not be looked up"),
    ({"errors": (CRASH,)}, {}, Action.DRAFT, "null-importer-ops crashed"),
    ({"errors": (Problem("damaged-diff", "x", "y"),)}, {}, Action.SEND, ""),
    ({}, {"post": "off"}, Action.DRAFT, "policy.post is off"),
    ({"findings": ()}, {}, Action.DROP, "worth a mail"),
    ({"findings": (found(severity=Severity.NOTE),)}, {}, Action.DROP, "warning with high"),
    ({"findings": (found(severity=Severity.NOTE),)}, {"severity": "note"}, Action.SEND, ""),
    ({"findings": (found(confidence=Confidence.MEDIUM),)}, {}, Action.DROP, "warning with high"),
    (
        {"findings": (found(confidence=Confidence.MEDIUM),)},
        {"confidence": "medium"},
        Action.SEND,
        "",
    ),
    ({"findings": (found(confidence=Confidence.LOW),)}, {"confidence": "low"}, Action.DROP, ""),
    ({"findings": (found(severity=Severity.NOTE), found())}, {}, Action.SEND, ""),
    (
        {"findings": (found(rule="direct-op"),)},
        {"muted": ("direct-op",)},
        Action.DROP,
        "no finding is worth a mail: rule direct-op is muted (policy.muted)",
    ),
    (
        {"findings": (found(rule="direct-op", severity=Severity.NOTE),)},
        {"muted": ("direct-op",)},
        Action.DROP,
        "warning with high",
    ),
    (
        {"findings": (found(rule="direct-op"), found())},
        {"muted": ("direct-op",)},
        Action.SEND,
        "",
    ),
    ({}, {"quiet": (LIST.upper(),)}, Action.DRAFT, "policy.quiet"),
    ({"lists": (LIST, OTHER)}, {"quiet": (OTHER,)}, Action.DRAFT, OTHER),
    ({}, {"quiet": (OTHER,)}, Action.SEND, ""),
    ({}, {"lists": ()}, Action.DRAFT, "policy.lists is empty"),
    ({"lists": ()}, {}, Action.DRAFT, "reached no list"),
    ({"lists": (LIST, OTHER)}, {"lists": (LIST,)}, Action.DRAFT, f"{OTHER} is not in policy.lists"),
    ({"unknown_lists": ("l@lists.example.org",)}, {}, Action.DRAFT, "looks like a list"),
    (
        {"unknown_lists": ("l@lists.example.org",)},
        {"lists": (LIST, "l.lists.example.org")},
        Action.SEND,
        f"allowed on {LIST}, l.lists.example.org",
    ),
    (
        {"unknown_lists": ("l@lists.example.org",)},
        {"lists": (LIST, "l.lists.example.org"), "quiet": ("l.lists.example.org",)},
        Action.DRAFT,
        "policy.quiet",
    ),
    ({}, {"authors": ("other@example.org",)}, Action.DRAFT, "policy.authors"),
    ({}, {"authors": ("Author@example.org",)}, Action.SEND, ""),
    ({"complete": False}, {}, Action.DRAFT, "not complete"),
    ({"date": None}, {}, Action.DRAFT, "no date"),
    ({"date": NOW + timedelta(days=9)}, {}, Action.DRAFT, "future"),
    ({"date": NOW - HOUR}, {}, Action.HOLD, "120 minutes"),
    ({"date": NOW - 2 * HOUR}, {}, Action.SEND, ""),
    ({"date": NOW}, {"embargo_minutes": 0}, Action.SEND, ""),
    ({"author_sent": Sent(3)}, {}, Action.HOLD, "policy.per_author"),
    ({"list_sent": {LIST: Sent(20)}}, {}, Action.HOLD, "policy.per_list"),
    ({"list_sent": {OTHER: Sent(20)}}, {}, Action.SEND, ""),
    ({"all_sent": Sent(40)}, {}, Action.HOLD, "policy.per_day"),
    ({}, {"per_day": 0}, Action.HOLD, "policy.per_day"),
    ({"author_sent": Sent(2), "list_sent": {LIST: Sent(19)}, "all_sent": Sent(39)}, {},
     Action.SEND, ""),
    ({}, {"post": "draft"}, Action.DRAFT, "a person has to approve"),
    ({}, {"post": "anything"}, Action.DRAFT, "a person has to approve"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "settings", "action", "reason"), ROWS)
def test_verdict(
    case: dict[str, object], settings: dict[str, object], action: Action, reason: str
) -> None:
    verdict = decide(CASE._replace(**case), ALLOWED._replace(**settings))  # type: ignore[arg-type]
    assert (verdict.action, reason in verdict.reason) == (action, True), verdict
    assert verdict.reason
    assert "\n" not in verdict.reason
    assert (verdict.until is not None) == (action is Action.HOLD)
    if verdict.until is not None:
        assert verdict.until > CASE.now


BINDING: list[tuple[dict[str, object], dict[str, object], Action]] = [
    ({"mail": mail(author=OWN)}, {}, Action.DROP),
    ({"mail": mail(auto_submitted="auto-generated")}, {}, Action.DROP),
    ({}, {"bots": ("author@example.org",)}, Action.DROP),
    ({}, {"leave": ("author@example.org",)}, Action.DROP),
    ({"recipients": Recipients((), ())}, {}, Action.DROP),
    ({"newest": False}, {}, Action.DROP),
    ({}, {"post": "off"}, Action.DRAFT),
]
"""What stops also a reply that a person approved."""


@pytest.mark.parametrize(("case", "settings", "action"), BINDING)
def test_what_a_person_can_not_approve(
    case: dict[str, object], settings: dict[str, object], action: Action
) -> None:
    by_hand = CASE._replace(**{**case, "by_hand": True})  # type: ignore[arg-type]
    assert decide(by_hand, ALLOWED._replace(**settings)).action is action  # type: ignore[arg-type]


OVERRIDDEN = (
    "max_age_days", "crashed", "worth a mail", "quiet", "policy.lists", "no list", "like a list",
    "policy.authors", "not complete", "no date", "future", "minutes", "per_author", "per_list",
    "per_day", "approve", "with high",
)  # fmt: skip
"""Words of the reasons that a person's word is above."""


def test_a_person_overrides_the_rest() -> None:
    rest = [row for row in ROWS if any(word in row[3] for word in OVERRIDDEN)]
    assert {word for word in OVERRIDDEN if any(word in row[3] for row in rest)} == set(OVERRIDDEN)
    for case, settings, _action, _reason in rest:
        by_hand = CASE._replace(**{**case, "by_hand": True})  # type: ignore[arg-type]
        verdict = decide(by_hand, ALLOWED._replace(**settings))  # type: ignore[arg-type]
        assert verdict == (Action.SEND, "approved by hand", None), (case, settings)


def test_the_table_has_every_action_and_every_deciding_setting() -> None:
    assert {row[2] for row in ROWS} == set(Action)
    elsewhere = {"exclude", "max_cc", "embargo_minutes", "max_age_days", "tell_addressed"}
    elsewhere |= {"floor", "floor_least", "record_days", "unmuted"}  # tests/record
    rows = {key for row in ROWS for key in row[1]}
    reasons = " ".join(row[3] for row in ROWS)
    deciding = set(PolicySettings._fields) - elsewhere
    assert {key for key in deciding if key not in rows and f"policy.{key}" not in reasons} == set()


ORDER: list[tuple[dict[str, object], dict[str, object], str]] = [
    ({"mail": mail(author=OWN)}, {}, "our own"),
    ({}, {"leave": ("author@example.org",)}, "policy.leave"),
    ({"newest": False}, {}, "newer revision"),
    ({"errors": (CRASH,)}, {}, "crashed"),
    ({}, {"post": "off"}, "policy.post is off"),
    ({"findings": ()}, {}, "worth a mail"),
    ({}, {"quiet": (LIST,)}, "policy.quiet"),
    ({}, {"lists": (OTHER,)}, "policy.lists"),
    ({}, {"authors": ("other@example.org",)}, "policy.authors"),
    ({"complete": False}, {}, "not complete"),
    ({"date": NOW - HOUR}, {}, "minutes"),
    ({"all_sent": Sent(40)}, {}, "policy.per_day"),
    ({}, {"post": "draft"}, "approve"),
]


def test_of_two_reasons_the_first_in_order_is_given() -> None:
    for at, (case, settings, reason) in enumerate(ORDER):
        for later_case, later_settings, _ in ORDER[at + 1 :]:
            verdict = decide(
                CASE._replace(**{**later_case, **case}),  # type: ignore[arg-type]
                ALLOWED._replace(**{**later_settings, **settings}),  # type: ignore[arg-type]
            )
            assert reason in verdict.reason


@pytest.mark.parametrize(
    ("case", "until"),
    [
        ({"date": NOW - HOUR}, NOW + HOUR),
        ({"author_sent": Sent(3, NOW - 20 * HOUR)}, NOW + 4 * HOUR),
        ({"author_sent": Sent(3)}, NOW + 24 * HOUR),
        ({"author_sent": Sent(3, NOW - 30 * HOUR)}, NOW + timedelta(minutes=1)),
        (
            {"author_sent": Sent(3, NOW - 20 * HOUR), "all_sent": Sent(40, NOW - 2 * HOUR)},
            NOW + 22 * HOUR,
        ),
    ],
)
def test_a_held_reply_is_due_when_the_reason_is_gone(
    case: dict[str, object], until: datetime
) -> None:
    assert decide(CASE._replace(**case), ALLOWED).until == until  # type: ignore[arg-type]


def test_absurd_numbers_do_no_harm() -> None:
    endless = ALLOWED._replace(embargo_minutes=10**15, max_age_days=10**15)
    assert decide(CASE, endless).action is Action.HOLD
    ancient = CASE._replace(date=NOW.replace(year=1))
    assert decide(ancient, ALLOWED).action is Action.DROP
