# SPDX-License-Identifier: GPL-2.0-or-later
"""Patches that are made to be more than text in a comment: they are not, says GitHub's own parser."""

from __future__ import annotations

import re
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config import Settings
from bot.model import Review
from bot.render import document
from bot.settings import CiSettings, PolicySettings, ReplySettings
from bot.web.comments import Told, keyed, wish
from bot.web.github import dialect
from bot.web.whole import Place
from checks.api import Confidence, Patch, Problem
from tests.render.rendered import HOSTILE, Page, inert, read
from tests.render.reviews import finding, posting, review_of

PAGE = "https://forge.example.org"
TAGS = ("h2", "h3", "p", "ul", "li", "a", "code", "pre", "hr")
TEXT = (
    st.lists(st.sampled_from(HOSTILE) | st.text(max_size=4), min_size=1, max_size=7).map("".join)
    | st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=5).map(" ".join)
    | st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=5).map("\n".join)
)  # fmt: skip
PATH = TEXT.map(lambda text: text.encode("utf-8", "replace").decode())
"""As git's answer is read: no lone surrogate is in it."""
LINK_MASK = "https://lore.example.org/r/%s"
SETTINGS = Settings(
    reply=ReplySettings(operator="A U Thor <author@example.org>", homepage=f"{PAGE}/bot"),
    policy=PolicySettings(confidence="medium"),
    ci=CiSettings(line_comments=2),
)
SETTINGS = SETTINGS._replace(review=SETTINGS.review._replace(link_mask=LINK_MASK))
RULES = ("resv-lock", "restrict-export", "notify-kernel-doc", "notify-fence-doc", "no-such-rule")


class Case(NamedTuple):
    review: Review
    found: tuple[Told, ...]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A review whose every text is hostile."""
    patches = tuple(
        Patch(number, f"{number}@example.org", draw(TEXT), draw(TEXT), "+x\n")
        for number in range(1, draw(st.integers(2, 3)))
    )
    made = posting(*patches)
    made = made._replace(series=made.series._replace(subject=draw(TEXT)))
    findings, found = [], []
    for number in range(draw(st.integers(1, 4))):
        one = finding(
            draw(st.sampled_from(patches)), "+x",
            rule=draw(st.sampled_from(RULES)), file=draw(TEXT), symbol=draw(st.none() | TEXT),
            line_text=draw(st.sampled_from("+- ")) + draw(TEXT), message=draw(TEXT), line=number + 1,
            suggestion=draw(st.just("") | TEXT), references=draw(st.sampled_from([("m@example.org",), ("Documentation/x",)])),
            facts={"kind": draw(st.sampled_from(["nudge", ""])), "notify": draw(TEXT), "diff": ""},
            confidence=draw(st.sampled_from([Confidence.HIGH, Confidence.MEDIUM])),
            fingerprint=f"{number:016x}",
        )  # fmt: skip
        findings.append(one)
    errors = (Problem("damaged-diff", draw(TEXT) or patches[0].msgid, draw(TEXT)),)
    review = review_of(made, *sorted(findings, key=lambda one: one.patch.number), errors=errors)
    review = review._replace(edition_reason=draw(TEXT))
    for one in review.findings:
        place = Place(draw(PATH), draw(PATH), draw(st.sampled_from(["old", "new"])), 7, 8)
        key = one.fingerprint
        found.append(Told(one, draw(st.none() | st.just(place)), key, review))
    return Case(review, tuple(found))


def sound(body: str) -> Page:
    """Assert that a page is ours alone."""
    page = read(body)
    inert(page, TAGS)
    ours = (f"{PAGE}/o/r/blob/", "https://lore.example.org/r/m@example.org", f"{PAGE}/bot")
    assert all(link.startswith(ours) for link in page.links), page.links
    fence = ""
    for line in body.split("\n"):
        if fence:
            fence = "" if line == fence else fence
        elif marks := re.match("```+", line):
            fence = marks[0] if "`" not in line[len(marks[0]) :] else ""
        else:
            assert not line.lstrip().startswith("/"), line
    assert not fence
    assert not re.search(
        "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", body
    )
    return page


@given(cases())
@settings(max_examples=40)
def test_a_comment_has_only_what_we_put_into_it(case: Case) -> None:
    forge = dialect(PAGE, "o/r", "b" * 40, "a" * 40)
    made = wish([case.review], case.found, ["0" * 16], dialect=forge, settings=SETTINGS)
    assert made.sticky
    pages = []
    for body, key in [
        (made.sticky, ""),
        (made.clean, ""),
        *((one.body, one.key) for one in made.remarks),
    ]:
        page = sound(body)
        assert len(page.comments) == 1
        assert keyed(body, "revokebot") == key
        assert len(body) <= forge.most
        pages.append(page)
    placed = sum(one.place is not None for one in case.found)
    assert sum("/o/r/blob/" in link for link in pages[0].links) <= placed
    assert sum("/blob/" in link for page in pages[1:] for link in page.links) == 0


@given(cases())
@settings(max_examples=40)
def test_a_document_has_only_what_we_put_into_it(case: Case) -> None:
    page = sound(document.render([case.review], SETTINGS))
    assert page.comments == ()
    assert "h2" in page.tags
