# SPDX-License-Identifier: GPL-2.0-or-later
"""SARIF, rdjson, JUnit and Code Quality tell what every channel tells, and are valid always."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import pytest

from bot import __version__
from bot.commands.review import DOCUMENTS
from bot.config import Settings
from bot.landing import shown
from bot.model import Review
from bot.settings import ReplySettings, ReviewSettings
from bot.setup import Setup
from bot.sources import SourceOptions, open_source
from bot.told import told
from bot.web.branch import read_branch
from checks.api import Hit, Problem, Series
from tests.render.formats import FORMATS, Read, cases, read
from tests.render.reviews import finding, posting, review, review_of
from tests.web.branches import FOUND, MOVED, Repository, branch

SETTINGS = Settings(reply=ReplySettings(homepage="https://bot.example.org/a b"))
each = pytest.mark.parametrize("name", FORMATS)


def render(
    name: str, reviews: Sequence[Review], *more: object, settings: Settings = SETTINGS
) -> str:
    """What `--format NAME` writes."""
    module, _, function = DOCUMENTS[name].rpartition(".")
    text = getattr(import_module(module), function)(reviews, settings, *more)
    assert isinstance(text, str)
    return text


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A branch: several patches, a rename, a line that is taken away."""
    return branch(tmp_path_factory.mktemp("branch") / "linux")


@pytest.fixture(scope="module")
def of_branch(made: Repository) -> tuple[Review, ...]:
    """Its reviews."""
    settings = Settings(review=ReviewSettings(tree=made.path))
    return read_branch(made.base, made.head, settings).reviews


def expected(reviews: Sequence[Review]) -> Counter[tuple[str, str, int, str]]:
    found: Counter[tuple[str, str, int, str]] = Counter()
    for one in reviews:
        for told_one in told(one):
            spot = shown(told_one, one.posting.series)
            found[told_one.rule, spot.path, spot.line, told_one.severity.value] += 1
    return found


def same(found: Sequence[Read], reviews: Sequence[Review]) -> None:
    """A reader has what is told, where it is shown."""
    assert Counter(one[:4] for one in found) == expected(reviews)


@each
def test_nothing_to_tell_is_a_document_all_the_same(name: str) -> None:
    for reviews in ([], [review_of(posting())]):
        assert read(name, render(name, reviews)) == []


@each
def test_it_tells_what_is_told_at_the_lines_of_the_end_of_the_branch(
    name: str, of_branch: tuple[Review, ...]
) -> None:
    found = read(name, render(name, of_branch))
    same(found, of_branch)
    assert {one.path for one in found} == {MOVED[2]}
    assert Counter((one.rule, one.severity) for one in found) == Counter(
        (rule, severity) for rule, severity, _ in FOUND.values()
    )


@each
def test_the_same_reviews_give_the_same_bytes(name: str, of_branch: tuple[Review, ...]) -> None:
    assert render(name, of_branch) == render(name, of_branch)


@each
def test_what_is_not_told_in_public_is_not_there(name: str) -> None:
    assert len(review().findings) == 5
    found = read(name, render(name, [review()]))
    same(found, [review()])
    assert "made-up-rule" not in {one.rule for one in found}


@each
def test_of_two_that_are_alike_both_are_there_and_told_apart(name: str) -> None:
    made = posting()
    one = finding(made.series.patches[0], "+#define DMA_BUF_LEASE_MAX\t16")
    other = finding(made.series.patches[0], "+}")._replace(fingerprint=one.fingerprint)
    twice = [review_of(made, one, one._replace(symbol="other"), other), review_of(made, one)]
    text = render(name, twice)
    found = read(name, text)
    same(found, twice)
    if name in {"sarif", "codequality"}:
        assert len({mark.mark for mark in found}) == 4
    if name == "junit":
        for suite in cases(text):
            names = [tuple(case.attrib.values()) for case in suite.iter("testcase")]
            assert len(set(names)) == len(names)


def test_a_mark_stays_when_the_line_moves(of_branch: tuple[Review, ...]) -> None:
    for name in ("sarif", "codequality"):
        marks = [one.mark for one in read(name, render(name, of_branch))]
        moved = [
            one._replace(findings=tuple(it._replace(line=it.line + 7) for it in one.findings))
            for one in of_branch
        ]
        assert [one.mark for one in read(name, render(name, moved))] == marks


def crashed(of: Series) -> Iterator[Hit]:
    raise RuntimeError(f"no way <with> ]]> \x1b {of.revision}")


def with_crash() -> Review:
    """A review by rules of which one fails."""
    setup = Setup.of(SETTINGS)
    rules = tuple(
        rule._replace(check=crashed) if rule.id == "resv-lock" else rule for rule in setup.rules
    )
    made = posting()
    patches = tuple(
        one._replace(diff=one.diff.replace("second(dmabuf)", "dma_buf_pin(attach)"))
        for one in made.series.patches
    )
    made = made._replace(series=made.series._replace(patches=patches))
    done = setup._replace(rules=rules).review(made)
    assert [one.kind for one in done.errors] == ["rule-crashed"]
    return done


def damaged(tmp_path: Path) -> Review:
    """A review of a mail whose diff was wrapped on the way."""
    mail = tmp_path / "damaged.eml"
    mail.write_text(
        "From: A U Thor <author@example.org>\nSubject: [PATCH] frob: x\nMessage-ID: <x@example.org>\n"
        "Date: Mon, 02 Feb 2026 09:08:07 +0100\n\nx\n---\n"
        "diff --git a/a.c b/a.c\nindex 1111111..2222222 100644\n--- a/a.c\n+++ b/a.c\n"
        "@@ -1,2 +1,3 @@\n a;\n+dma_buf_pin(a,\nb);\n c;\n"
    )
    (made,) = open_source(str(mail), SourceOptions())
    done = Setup.of(SETTINGS).review(made)
    assert done.errors
    return done


@each
def test_what_could_not_be_reviewed_leaves_it_valid(name: str, tmp_path: Path) -> None:
    for done in (with_crash(), damaged(tmp_path)):
        same(read(name, render(name, [done])), [done])


def test_sarif_tells_of_a_crash_and_of_damage(tmp_path: Path) -> None:
    text = render("sarif", [with_crash(), damaged(tmp_path)])
    read("sarif", text)
    (run,) = json.loads(text)["runs"]
    (once,) = run["invocations"]
    crash, harm = once["toolExecutionNotifications"]
    assert once["executionSuccessful"] is False
    assert crash["associatedRule"]["id"] == "resv-lock"
    assert run["tool"]["driver"]["rules"][crash["associatedRule"]["index"]]["id"] == "resv-lock"
    assert (crash["level"], crash["descriptor"]["id"]) == ("error", "rule-crashed")
    assert (harm["level"], harm["descriptor"]["id"]) == ("warning", "damaged-diff")
    assert "a.c" in harm["message"]["text"]


def test_sarif_tells_of_a_source_without_a_review() -> None:
    failed = [Problem("no-source", "/nowhere", "no such file")]
    for reviews in ([], [review_of(posting())]):
        text = render("sarif", reviews, failed)
        assert read("sarif", text) == []
        (once,) = json.loads(text)["runs"][0]["invocations"]
        assert once["executionSuccessful"] is False
        assert "/nowhere" in once["toolExecutionNotifications"][0]["message"]["text"]


def test_what_is_aside_from_the_series_is_no_failure() -> None:
    done = review_of(posting(), errors=(Problem("counter-patch", "x@example.org", "left out"),))
    (once,) = json.loads(render("sarif", [done]))["runs"][0]["invocations"]
    assert once["executionSuccessful"] is True
    assert once["toolExecutionNotifications"][0]["level"] == "note"
    assert [suite.attrib["errors"] for suite in cases(render("junit", [done]))] == ["0"]


def test_sarif_says_what_ran_and_on_what(of_branch: tuple[Review, ...]) -> None:
    (run,) = json.loads(render("sarif", of_branch))["runs"]
    driver = run["tool"]["driver"]
    assert driver["semanticVersion"] == driver["version"] == __version__
    assert driver["informationUri"] == "https://bot.example.org/a%20b"
    assert len(driver["rules"]) == len(Setup.of(SETTINGS).rules)
    for rule in driver["rules"]:
        # More than that GitHub does not take.
        assert len(rule["shortDescription"]["text"]) <= 1024
        assert len(rule["fullDescription"]["text"]) <= 1024
        assert len(rule["properties"]["tags"]) == 1
    (series,) = run["properties"]["series"]
    assert (series["patches"], series["context"], series["verified"]) == (6, "tree", True)


def test_sarif_shows_the_line_that_stands_there(
    made: Repository, of_branch: tuple[Review, ...]
) -> None:
    (run,) = json.loads(render("sarif", of_branch))["runs"]
    lines = made.git("show", f"topic:{MOVED[2]}").split("\n")
    regions = [one["locations"][0]["physicalLocation"]["region"] for one in run["results"]]
    removed, *added = regions
    for region in added:
        assert lines[region["startLine"] - 1] == region["snippet"]["text"]
    # What is taken away is shown at the line that follows it, which is not what it is about.
    assert lines[removed["startLine"] - 1] == "\tdma_buf_unpin(frob->attach);"
    assert "snippet" not in removed
    assert [one["properties"]["patch"]["line_text"] for one in run["results"]] == list(FOUND)


def test_junit_tells_clean_skipped_and_crashed_apart(of_branch: tuple[Review, ...]) -> None:
    good, bad = cases(render("junit", [*of_branch, with_crash()]))
    states = {
        case.attrib["classname"]: {child.tag for child in case} for case in good.iter("testcase")
    }
    assert states["resv-lock"] == states["stub-callback"] == {"failure"}
    assert set() in states.values()
    assert {"skipped"} in states.values()
    assert states.keys() == {rule.id for rule in Setup.of(SETTINGS).rules}
    (error,) = (case for case in bad.iter("testcase") if case.find("error") is not None)
    assert error.attrib["classname"] == "resv-lock"
    message = error[0].attrib["message"]
    assert "no way <with> ]]> \\x1b 2" in message


def test_junit_tells_of_damage_and_of_sources_without_a_review(tmp_path: Path) -> None:
    failed = [Problem("no-source", "/nowhere", "no such file")]
    harm, missing = cases(render("junit", [damaged(tmp_path)], failed))
    (error,) = harm.iter("error")
    assert error.attrib["type"] == "damaged-diff"
    (error,) = missing.iter("error")
    assert error.attrib == {"type": "no-source", "message": "no such file"}
