# SPDX-License-Identifier: GPL-2.0-or-later
"""What the formats of b4 say of problems and notes, and of patches that try to speak for us."""

from __future__ import annotations

import json
from typing import Any

from bot.asked import asked
from bot.config import Settings
from bot.model import Review
from bot.render import b4, terse
from checks.api import Problem, Severity
from tests.render.reviews import COVER, FIRST, SECOND, finding, posting, review, review_of

SETTINGS = Settings()
CRASHED = Problem("rule-crashed", "resv-lock", "KeyError: 1 (at f:1, on x); please report it")
EXPORTED = "+EXPORT_SYMBOL_GPL(dma_buf_lend_count);"


def entries(*reviews: Review, settings: Settings = SETTINGS) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = json.loads(b4.render(reviews, settings))
    return made


def of_one(done: Review, msgid: str) -> Review:
    """What is told of `done` to somebody who asked about one mail."""
    mails = {msgid: done.posting.mails[msgid]}
    return asked(done._replace(posting=done.posting._replace(mails=mails)))


def failing_on(severity: Severity) -> Settings:
    return SETTINGS._replace(review=SETTINGS.review._replace(fail_on=severity.value))


def rules(done: Review) -> list[str]:
    return [found.rule for found in done.findings]


def test_of_a_mail_only_its_own_is_told() -> None:
    assert rules(of_one(review(), FIRST)) == [
        "helper-wording",
        "null-importer-ops",
        "callback-test",
    ]
    assert rules(of_one(review(), SECOND)) == ["core-namespace"]
    assert rules(of_one(review(), COVER)) == [*rules(of_one(review(), FIRST)), "core-namespace"]


def test_that_the_rest_is_missing_is_no_problem_of_a_mail() -> None:
    damaged = (
        Problem("damaged-diff", FIRST, "a.c: cut"),
        Problem("damaged-diff", SECOND, "b.c: cut"),
    )
    done = review()._replace(errors=(*review().errors, *damaged, CRASHED))
    assert of_one(done, FIRST).errors == (damaged[0], CRASHED)
    assert of_one(done, COVER).errors == (*damaged, CRASHED)


def test_the_status_is_that_of_the_worst() -> None:
    for msgid, status, summary in (
        (FIRST, "fail", "1 error, 1 warning, 1 note"),
        (SECOND, "warn", "1 warning"),
        (COVER, "fail", "1 error, 2 warnings, 1 note"),
    ):
        (entry,) = entries(of_one(review(), msgid))
        assert (entry["status"], entry["summary"]) == (status, summary)
    note = review_of(posting(), review().findings[0])
    (entry,) = entries(asked(note))
    assert (entry["status"], entry["summary"]) == ("pass", "1 note")


def test_what_could_not_be_reviewed_is_a_warning() -> None:
    damaged = Problem("damaged-diff", FIRST, "a.c: cut; this file is not reviewed")
    (entry,) = entries(asked(review_of(posting(), errors=(damaged, CRASHED))))
    assert entry["status"] == "warn"
    assert entry["summary"] == "nothing to say, not all could be reviewed"
    assert [(one["state"], one["context"]) for one in json.loads(entry["details"])] == [
        ("not reviewed", "damaged-diff"),
        ("crashed", "resv-lock"),
    ]


def test_a_suggestion_stands_below_the_line() -> None:
    (entry,) = entries(of_one(review(), FIRST))
    shown = [one["srcline"] for one in json.loads(entry["details"])]
    assert shown[2].split("\n") == [
        "+\treturn attach->importer_ops->invalidate_mappings;",
        "    ",
        "    +\treturn attach->importer_ops &&",
        "    +\t       !dma_buf_keeps(attach);",
    ]


def test_the_homepage_is_linked_where_there_is_one() -> None:
    reply = SETTINGS.reply._replace(homepage="https://bots.example.org/")
    (entry,) = entries(review(), settings=SETTINGS._replace(reply=reply))
    assert entry["url"] == "https://bots.example.org/"
    (entry,) = entries(review())
    assert "url" not in entry


def test_where_nothing_could_be_read_nothing_is_said() -> None:
    # b4 looks at the exit status only then.
    assert b4.render((), SETTINGS) == ""
    assert terse.render((), SETTINGS) == ""


def test_terse_lines_are_those_of_checkpatch() -> None:
    assert terse.render((of_one(review(), SECOND),), SETTINGS) == (
        "drivers/dma-buf/dma-buf.c:84: WARNING: Symbols of the dma-buf core are exported into its "
        "namespace. [core-namespace]\n"
    )
    crashed = review_of(posting(), errors=(CRASHED, Problem("damaged-diff", FIRST, "a.c: cut")))
    assert terse.render((crashed,), SETTINGS) == (
        "WARNING: resv-lock: KeyError: 1 (at f:1, on x); please report it\n"
        "WARNING: not reviewed: a.c: cut\n"
    )


def test_terse_says_notes_only_where_they_fail() -> None:
    done = of_one(review(), FIRST)
    labels = [line.split()[1] for line in terse.render((done,), SETTINGS).splitlines()]
    assert labels == ["ERROR:", "WARNING:"]
    said = terse.render((done,), failing_on(Severity.NOTE))
    assert [line.split()[1] for line in said.splitlines()] == ["NOTE:", "ERROR:", "WARNING:"]


def test_no_patch_makes_an_error_of_a_warning() -> None:
    made = posting()
    odd = finding(
        made.series.patches[1], EXPORTED, severity=Severity.WARNING,
        file="ERROR: a\n::error::b\x1b[2J.c", message="Please\nmind ERROR: in\tit.",
    )  # fmt: skip
    hostile = review_of(made, odd)
    assert terse.render((hostile,), SETTINGS) == (
        "ERROR : a\\n::error::b\\x1b[2J.c:617: WARNING: Please mind ERROR : in it. "
        "[null-importer-ops]\n"
    )
    starts = review_of(made, odd._replace(file="::error::x.c"))
    assert terse.render((starts,), SETTINGS).startswith("\\x3a:error::x.c:617: WARNING: ")
    (entry,) = entries(hostile)
    (one,) = json.loads(entry["details"])
    assert one["context"] == "2/2 ERROR: a\\n::error::b\\x1b[2J.c:617"
