# SPDX-License-Identifier: GPL-2.0-or-later
"""What a forge is to say: the right things at the right places, and always the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot import __version__
from bot.config import Settings
from bot.model import Review
from bot.settings import CiSettings, PolicySettings, ReplySettings
from bot.web.branch import Branch, read_branch
from bot.web.comments import Dialect, Told, keyed, mark, tell, wish
from bot.web.plan import Act, plan
from bot.web.whole import Place
from bot.web.wish import Comment, There, Wish, same
from checks.api import Confidence, Problem
from tests.render.golden import same_as_golden
from tests.render.rendered import read
from tests.render.reviews import finding, posting, review_of
from tests.web.branches import branch

SETTINGS = Settings(
    reply=ReplySettings(
        operator="A U Thor <author@example.org>", homepage="https://bots.example.org/revokebot"
    )
)
RETURNED = "+\treturn attach->importer_ops->invalidate_mappings;"


def dialect(head: str = "HEAD", most: int = 65_536) -> Dialect:
    return Dialect(
        "pull request", most, lambda place: f"https://forge.example.org/{head}/{place.path}#{place.line}"
    )  # fmt: skip


def ci(settings: Settings = SETTINGS, **changes: object) -> Settings:
    return settings._replace(ci=CiSettings()._replace(**changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def read_once(tmp_path_factory: pytest.TempPathFactory) -> Branch:
    made = branch(tmp_path_factory.mktemp("branch") / "linux")
    settings = Settings()
    settings = settings._replace(review=settings.review._replace(tree=made.path))
    return read_branch(made.base, made.head, settings)


def placed(*reviews: Review, off: Sequence[int] = ()) -> tuple[Told, ...]:
    """The findings of `reviews`, all on a line but those with the numbers `off`."""
    pairs = [(review, one) for review in reviews for one in review.findings]
    found = []
    for number, (review, one) in enumerate(pairs):
        place = Place(one.file, one.file, one.side, None, one.line)
        found.append(Told(one, None if number in off else place, f"{number:016x}", review))
    return tuple(found)


def several(count: int, **changes: object) -> Review:
    """A review with `count` findings, each in a function of its own."""
    made = posting()
    patch = made.series.patches[0]
    found = [
        finding(patch, RETURNED, symbol=f"frob_{number}", line=number + 1,
                message=f"Please free frob_{number}.")._replace(**changes)  # type: ignore[arg-type]
        for number in range(count)
    ]  # fmt: skip
    return review_of(made, *found)


def wished(
    found: Sequence[Told],
    settings: Settings = SETTINGS,
    refused: Sequence[str] = (),
    most: int = 65_536,
) -> Wish:
    reviews = list({id(one.review): one.review for one in found}.values())
    return wish(reviews, found, refused, dialect=dialect(most=most), settings=settings)


def test_the_comments_read_as_they_did(read_once: Branch) -> None:
    found = tell(read_once.reviews, read_once.whole)
    settings = ci(line_comments=2)
    made = wish(read_once.reviews, found, (), dialect=dialect(), settings=settings)
    pages = [made.sticky, made.clean, *(remark.body for remark in made.remarks)]
    text = "\n\n==========\n\n".join(pages) + "\n"
    same_as_golden("comments.md", text.replace(__version__, "VERSION").encode())


def test_every_finding_is_told_once(read_once: Branch) -> None:
    found = tell(read_once.reviews, read_once.whole)
    for cap in range(5):
        settings = ci(line_comments=cap)
        made = wish(read_once.reviews, found, (), dialect=dialect(), settings=settings)
        assert [remark.key for remark in made.remarks] == [one.key for one in found[:cap]]
        for number, one in enumerate(found):
            words = one.finding.message.split()[-4:]
            places = [
                body
                for body in (made.sticky, *(r.body for r in made.remarks))
                if " ".join(words) in body.replace("`", "")
            ]
            assert len(places) == 1, one
            assert (places == [made.sticky]) == (number >= cap)
            assert (
                made.sticky.count(f"HEAD/{one.place.path}#{one.place.line})" if one.place else "?")
                == 1
            )


def test_what_is_refused_or_on_no_line_is_told_in_full_in_the_sticky_one() -> None:
    found = placed(several(4), off=[1])
    made = wished(found, refused=[found[2].key])
    assert [remark.key for remark in made.remarks] == [found[0].key, found[3].key]
    assert "4 remarks, 2 on lines" in made.sticky
    for number in (1, 2):
        assert f"`frob_{number}`" in made.sticky
    for number in (0, 3):
        assert f"`frob_{number}`" not in made.sticky


def test_the_cap_counts_only_what_can_stand_on_a_line() -> None:
    found = placed(several(5), off=[0])
    made = wished(found, ci(line_comments=2), refused=[found[1].key])
    assert [remark.key for remark in made.remarks] == [found[2].key, found[3].key]


def test_nothing_worth_a_mail_is_no_comment() -> None:
    doubtful = placed(several(2, confidence=Confidence.MEDIUM))
    assert wished(doubtful)[::2] == ("", ())
    settings = SETTINGS._replace(policy=PolicySettings(confidence="medium"))
    assert wished(doubtful, settings).sticky
    assert wished(()).sticky == ""


def test_one_that_is_worth_it_brings_all_others() -> None:
    sure, doubtful = several(1), several(2, confidence=Confidence.MEDIUM)
    made = wished(placed(sure, doubtful))
    assert len(made.remarks) == 3
    assert [("?" in one.body) for one in made.remarks] == [False, True, True]


def test_a_comment_in_a_place_of_its_own_is_understood_by_itself() -> None:
    made = posting()
    first, second = made.series.patches
    message = "Please do not."
    twice = [
        finding(first, RETURNED, message=message, suggestion="+\tfirst();\n"),
        finding(first, "+ * Only what the borrower's driver has signed up to counts.", message=message, suggestion="+\tother();\n"),
        finding(first, "+#define DMA_BUF_LEASE_MAX\t16", message=message, symbol="elsewhere"),
        finding(second, "+\tthird();", message=message),
    ]  # fmt: skip
    found = placed(review_of(made, *twice))
    bodies = [remark.body.partition("\n")[2] for remark in wished(found).remarks]
    assert [body.split("\n")[0] for body in bodies] == [
        message, "Same here.", message, message
    ]  # fmt: skip
    assert "other();" in bodies[1]
    # What says it in full is not on a line any more.
    apart = wished(found, refused=[found[0].key])
    assert "Same here" not in apart.sticky + "".join(remark.body for remark in apart.remarks)


def test_two_that_say_the_same_of_one_line_are_one() -> None:
    made = posting()
    patch = made.series.patches[0]
    found = placed(review_of(made, finding(patch, RETURNED), finding(patch, RETURNED)))
    wanted = wished(found)
    assert len(wanted.remarks) == 1
    assert "revokebot: 1 remark, 1 on" in wanted.sticky


def test_a_push_that_changes_no_finding_changes_no_comment_on_a_line(read_once: Branch) -> None:
    found = tell(read_once.reviews, read_once.whole)
    before, after = (
        wish(read_once.reviews, found, (), dialect=dialect(head), settings=SETTINGS)
        for head in ("a" * 40, "b" * 40)
    )
    assert before.remarks == after.remarks
    assert before.sticky.replace("a" * 40, "b" * 40) == after.sticky
    assert before.clean == after.clean


def test_what_could_not_be_reviewed_is_told() -> None:
    review = several(1)
    patch = review.posting.series.patches[0]
    damaged = Problem(
        "damaged-diff", patch.msgid, "frob.c: the hunk is cut @short; this file is not reviewed"
    )
    crashed = Problem("rule-crashed", "resv-lock", "ValueError; please report it")
    broken = review._replace(errors=(damaged, crashed))
    made = wish([broken], (), (), dialect=dialect(), settings=SETTINGS)
    assert made.sticky == ""
    for body in (made.clean, wished(placed(broken)).sticky):
        assert "- dma-buf: lend buffers: `frob.c`: the hunk is cut `@short`" in body
        assert "- resv-lock: ValueError; please report it" in body
    assert "Not reviewed" not in wished(placed(review)).sticky
    assert "Not reviewed" not in wished(placed(review)).clean


def test_nobody_is_mentioned_by_the_footer() -> None:
    page = read(wished(placed(several(1))).sticky)
    assert "@" not in page.words
    assert "author@example.org" in page.text
    assert "https://bots.example.org/revokebot" in page.links
    hostile = SETTINGS._replace(reply=ReplySettings(operator="@everyone", homepage="javascript:x"))
    page = read(wished(placed(several(1)), hostile).sticky)
    assert "@" not in page.words
    assert "@everyone" in page.code
    assert all(link.startswith("https://") for link in page.links)
    nobody = wished(placed(several(1)), Settings()).sticky
    assert "a bot, may be wrong" in nobody


@pytest.mark.parametrize("most", [3_000, 9_000, 65_536])
@pytest.mark.parametrize("cap", [0, 400])
def test_nothing_is_longer_than_the_forge_takes(most: int, cap: int) -> None:
    found = placed(several(400, suggestion="+\tx();\n+```\n" * 8))
    made = wished(found, ci(line_comments=cap), most=most)
    assert len(made.sticky) <= most
    page = read(made.sticky)
    assert "may be wrong" in page.words
    shown = page.links.count("https://forge.example.org/HEAD/include/linux/dma-buf.h#1") and sum(
        "https://forge.example.org/" in link for link in page.links
    )
    assert shown > 3
    if shown < 400:
        assert f"And {400 - shown} more" in page.words
    else:
        assert " more" not in page.words


def test_a_remark_that_is_too_long_loses_its_change_first_then_words() -> None:
    long = several(1, suggestion="+\tx();\n" * 500, message="Please do. " * 100)
    body = wished(placed(long), most=3_000).remarks[0].body
    assert len(body) <= 3_000
    assert "x();" not in body
    assert body.count("Please do.") == 100
    longer = several(1, message="@a " * 5_000)
    body = wished(placed(longer), most=3_000).remarks[0].body
    assert len(body) <= 3_000
    assert "@" not in read(body).words


def test_names_are_cut() -> None:
    review = several(1, file="a/" * 5_000, line_text="+" + "x" * 5_000)
    made = wished(placed(review, off=[0]))
    assert len(made.sticky) < 3_000


CONTEXTS = (
    "revokebot",
    "a b",
    "a-b",
    "a--b",
    "a --> @everyone",
    "x all",
    "",
    "größe",
    "%2D",
    "-",
    "\ud800",
)


@pytest.mark.parametrize("context", CONTEXTS)
def test_a_mark_is_found_again_and_seen_by_nobody(context: str) -> None:
    for key in ("", "0123456789abcdef", "0123456789abcdef-2"):
        made = mark(context, key)
        for body in (made, f"{made}\nx", f"{made}\r\nx\r\n", f"{made} \nx"):
            assert keyed(body, context) == key
            assert [keyed(body, other) for other in CONTEXTS if other != context] == [None] * (
                len(CONTEXTS) - 1
            )
        page = read(f"{made}\nWords.")
        assert (page.tags, page.words.strip()) == (("p",), "Words.")
        assert len(page.comments) == 1


@pytest.mark.parametrize(
    "body",
    ["", "x", " <!-- revokebot revokebot all -->", "<!-- revokebot revokebot -->", "<!-- revokebot revokebot xyz -->",
     "<!-- revokebot revokebot all --> <!-- -->", "x\n<!-- revokebot revokebot all -->",
     "<!-- revokebot revokebot all", "<!-- revokebot revokebot all all -->", "<!-- revokebot  all -->",
     "> <!-- revokebot revokebot all -->", "<!-- revokebot revokebot ALL -->"],
)  # fmt: skip
def test_what_only_looks_like_a_mark_is_none(body: str) -> None:
    assert keyed(body, "revokebot") is None


def test_what_a_forge_gives_back_with_other_line_ends_is_left_as_it_is() -> None:
    made = wished(placed(several(2), off=[1]))
    (remark,) = made.remarks
    for change in (
        lambda body: body.replace("\n", "\r\n"),
        lambda body: body + "\n",
        lambda body: "\n".join(line.rstrip() for line in body.split("\n")),
        lambda body: body.strip(),
    ):
        there = There(
            "head",
            (Comment("1", "", change(made.sticky)),),
            (Comment("2", remark.key, change(remark.body)),),
        )
        assert plan(made, there) == ()
    other = There(
        "head",
        (Comment("1", "", made.sticky + "x"),),
        (Comment("2", remark.key, remark.body + "x"),),
    )
    assert [step.act for step in plan(made, other)] == [Act.EDIT_REMARK, Act.EDIT_STICKY]
    assert not same("a\nb", "a b")


def test_what_a_rule_that_failed_may_have_overlooked_stays() -> None:
    review = several(3)
    before = wished(placed(review), ci(line_comments=2))
    there = There(
        "head",
        (Comment("1", "", before.sticky), Comment("9", "", before.sticky)),
        tuple(Comment(str(n), one.key, one.body) for n, one in enumerate(before.remarks, 2)),
    )
    crash = (Problem("rule-crashed", "resv-lock", "ValueError; please report it"),)
    for errors in ((), crash):
        none = wish([review._replace(errors=errors)], (), (), dialect=dialect(), settings=SETTINGS)
        acts = [step.act for step in plan(none, there)]
        gone = [] if errors else [Act.CLOSE_REMARK, Act.CLOSE_REMARK]
        assert acts == [*gone, Act.REMOVE_STICKY, *([] if errors else [Act.EDIT_STICKY])]
        fewer = wished(placed(review._replace(findings=review.findings[:1], errors=errors)))
        acts = [step.act for step in plan(fewer, there)]
        assert acts == [*gone[:1], Act.REMOVE_STICKY, Act.EDIT_STICKY]
