# SPDX-License-Identifier: GPL-2.0-or-later
"""`b4 review` with `b4.sashiko-url`: what the watcher found stands in b4, at its lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bot.sources.mail import read_mail
from bot.sources.mbox import split_mbox
from bot.sources.series import assemble
from bot.told import told
from checks.api import Finding
from tests.b4.reviewing import TAKEN, mails_of
from tests.b4.running import in_b4, with_b4
from tests.watch.shop import Shop
from tests.web.branches import FOUND, IMPORT, LOCKED, STUB, Repository, branch, empty
from tests.web.serving import Served

pytestmark = pytest.mark.integration

LOOKED_UP = (
    "import sys\nbox = sys.argv[1]\n"
    + TAKEN
    + """
from b4.review._review import _extract_comments_from_quoted_reply, _integrate_sashiko_reviews
shas = b4.git_get_command_lines(top, ["rev-list", "--reverse", f"master..{BRANCH}~1"])
rounds = []
for _ in range(2):
    text, tracking = b4.review.load_tracking(top, BRANCH)
    patches = tracking["patches"]
    rounds.append(_integrate_sashiko_reviews(top, text, tracking, shas, patches, branch=BRANCH))
text, tracking = b4.review.load_tracking(top, BRANCH)
entries = [one.get("reviews", {}).get("sashiko@sashiko.dev", {}) for one in tracking["patches"]]
perpatch, whole = checks.load_check_cmds()
parts = [(p.msgid, p.msg) for p in series.patches[1:]]
done = checks.run_perpatch_checks(parts, perpatch, top)
first = series.patches[0] or series.patches[1]
seen = checks._sashiko_patchset_cache[parts[0][0]]
raw = {}
for one in seen["reviews"]:
    (msgid,) = [p["message_id"] for p in seen["patches"] if p["id"] == one["patch_id"]]
    raw[msgid] = _extract_comments_from_quoted_reply(one["inline_review"])
json.dump({
    "integrated": rounds,
    "entries": entries,
    "alone": [raw[msgid] for msgid, _ in parts],
    "patches": [done.get(msgid, []) for msgid, _ in parts],
    "series": checks.run_series_checks((first.msgid, first.msg), whole, top),
}, sys.stdout)
"""
)
"""What the tracking commit has at the end, and the checks, of b4's own code."""


class World(NamedTuple):
    """A series that the watcher has reviewed, its repository, and the server."""

    made: Repository
    shop: Shop
    served: Served
    mails: str

    def b4(self) -> Any:
        """Let b4 take the series into a review branch, and ask."""
        box = self.made.path.parent / "thread.mbox"
        box.write_text(self.mails, encoding="utf-8")
        with_b4(self.made, sashiko_url=self.served.url)
        return in_b4(self.made, LOOKED_UP, str(box))

    def found(self) -> tuple[Finding, ...]:
        """What all channels tell of the series."""
        (posting,) = assemble(map(read_mail, raws(self.mails)))
        return told(self.shop.shop.review(posting))


Shown = Callable[[Repository, str], World]


def raws(mails: str) -> list[bytes]:
    return [raw.partition(b"\n")[2] for raw in split_mbox(iter([mails.encode()]))]


@pytest.fixture
def shown(tmp_path: Path, store_url: str) -> Iterator[Shown]:
    """Makes worlds, and leaves nothing of them."""
    made: list[World] = []

    def make(repository: Repository, mails: str) -> World:
        shop = Shop(store_url)
        shop.feed(*raws(mails))
        shop.settle()
        repository.git("checkout", "-q", "master")
        made.append(World(repository, shop, Served(tmp_path, store_url), mails))
        return made[-1]

    yield make
    for one in made:
        one.served.close()
        one.shop.store.close()


def crowded(path: Path) -> Repository:
    """A patch that renames a file, takes lines away, and adds some that are twice the same."""
    made = empty(path)
    file, later = "drivers/misc/frob.c", "drivers/misc/frob-dma.c"
    made.git("mv", file, later)
    again = IMPORT.replace("frob_import", "frob_import_again")
    edits = (
        (LOCKED, "\tdma_buf_unpin(frob->attach);\n"),
        ("int frob_open(", f"{IMPORT}{again}int frob_open("),
    )
    text = (made.path / later).read_text()
    for old, new in edits:
        assert text.count(old) == 1
        text = text.replace(old, new)
    (made.path / later).write_text(text)
    made.git("add", "-A")
    made.git("commit", "-q", "-m", "frob: do all at once\n\nIt frobs better so.")
    made.change("frob: listen", {later: ("int frob_open(", f"{STUB}int frob_open(")})
    return made


def anchors(found: Finding, old_path: str = "") -> tuple[str, int, str]:
    """Where b4 is to show it: path, line, text of the line."""
    if found.side == "old":
        return f"a/{old_path or found.file}", found.line, found.line_text
    return f"b/{found.file}", found.line, found.line_text


def places(comments: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [(one["path"], one["line"], one["content"]) for one in comments]


def test_remarks_stand_at_their_lines(tmp_path: Path, shown: Shown) -> None:
    made = branch(tmp_path / "linux")
    world = shown(made, mails_of(made))
    found, got = world.found(), world.b4()
    assert [one.line_text for one in found] == list(FOUND)
    # The second time there is nothing new.
    assert got["integrated"] == [True, False]
    for number, (entry, alone) in enumerate(zip(got["entries"], got["alone"], strict=True), 1):
        mine = [one for one in found if one.patch.number == number]
        # By the lines that are quoted alone, and after b4 has looked at its own diff.
        assert places(alone) == [anchors(one) for one in mine]
        assert places(entry.get("comments", [])) == [anchors(one) for one in mine]
        for comment, one in zip(entry.get("comments", []), mine, strict=True):
            assert comment["text"].endswith(f"\n\n[revokebot: {one.rule}]")
        if mine:
            assert entry["provenance"] == f"{world.served.url}/#/message/{mine[0].patch.msgid}"


def test_b4_sums_up_as_we_do(tmp_path: Path, shown: Shown) -> None:
    made = branch(tmp_path / "linux")
    got = shown(made, mails_of(made)).b4()
    fate = {"error": ("fail", "1 high"), "warning": ("warn", "1 medium")}
    expected = {number: fate[severity] for _rule, severity, number in FOUND.values()}
    for number, results in enumerate(got["patches"], 1):
        ((status, summary),) = ((one["status"], one["summary"]) for one in results)
        assert (status, summary) == expected.get(number, ("pass", "No findings"))
    (whole,) = got["series"]
    assert (whole["status"], whole["summary"]) == ("fail", "1 high, 2 medium")
    assert "revokebot's rule resv-lock" in whole["details"]


def test_a_crowded_patch_without_a_cover(tmp_path: Path, shown: Shown) -> None:
    made = crowded(tmp_path / "linux")
    world = shown(made, made.git("format-patch", "--stdout", "--thread", "master..topic") + "\n")
    found, got = world.found(), world.b4()
    crowd = found[:-1]
    assert {one.patch.number for one in crowd} == {1}
    assert {one.side for one in crowd} == {"old", "new"}
    assert len({one.line_text for one in crowd}) < len(crowd) == len({one.line for one in crowd})
    first, second = got["entries"]
    assert places(first["comments"]) == [anchors(one, "drivers/misc/frob.c") for one in crowd]
    assert places(second["comments"]) == [anchors(found[-1])]
    summaries = [results[0]["summary"] for results in got["patches"]]
    assert summaries == ["1 high, 2 medium", "1 medium"]
    # b4 asks about the first patch where there is no cover letter.
    assert got["series"] == got["patches"][0]


def test_what_is_dismissed_is_not_shown(tmp_path: Path, shown: Shown) -> None:
    made = branch(tmp_path / "linux")
    world = shown(made, mails_of(made))
    first, *others = world.found()
    (told,) = (one for one in world.shop.store.drafts() if first.fingerprint in one.says)
    world.shop.store.dismiss(told.id, "it is held", world.shop.now, first.rule)
    got = world.b4()
    shown_ = [place for entry in got["entries"] for place in places(entry.get("comments", []))]
    assert shown_ == [anchors(one) for one in others]
    assert got["series"][0]["summary"] == "2 medium"
