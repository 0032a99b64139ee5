# SPDX-License-Identifier: GPL-2.0-or-later
"""What is answered about a mail: its series, how far that has come, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from bot.incoming import Fate, Stage
from bot.kept import Kept
from bot.model import Review
from bot.outbox.looking import Looker
from bot.outbox.pruning import Pruner
from bot.outgoing import Entry, Status
from bot.settings import ReplySettings, StoreSettings, WatchSettings
from bot.store import Store
from bot.told import told
from bot.web.lookup import answer, page
from checks.api import Finding, Problem
from tests.render.reviews import COVER, FIRST, MASK, SECOND, review
from tests.sources.mails import mail, series
from tests.store.outbox import DRAFT, LEASE, NOW, SEND, written
from tests.watch.shop import LONG, OWNER, Shop, in_scope

REVIEW = review()._replace(errors=())
"""Two patches and a cover letter; the first patch has a finding of low confidence."""
Ask = Callable[[str], Any]


@pytest.fixture
def ask(store_url: str) -> Iterator[Ask]:
    """Answers about a message-id, from the store."""
    with Looker.open(StoreSettings(store_url)) as looker:

        def asked(msgid: str) -> Any:
            kept = looker.kept(msgid)
            return answer(kept, MASK) if kept else None

        yield asked


@pytest.fixture
def shop(store_url: str) -> Iterator[Shop]:
    made = Shop(store_url)
    yield made
    made.store.close()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(StoreSettings(store_url)) as opened:
        yield opened


def whole(stem: str, revision: int = 1, parent: str = "") -> list[bytes]:
    """A cover letter and two parts, of which the second has two findings."""
    version = f" v{revision}" if revision > 1 else ""
    cover, first, _second = series(2, revision, stem, parent)
    last = in_scope(
        f"[PATCH{version} 2/2] teapot: tell", f"{stem}2@author.example", f"{stem}0@author.example"
    )
    return [cover, first, last]


def record(store: Store, made: Review = REVIEW, silent: Status | None = None) -> None:
    """Keep a review by hand, with nothing of a watcher; of the first finding also `silent`."""
    lines = [Entry(found, Status.NEW, "new") for found in made.findings]
    if silent:
        lines[0] = lines[0]._replace(status=silent)
    store.record(made, lines, written(DRAFT), NOW)


def findings(got: Any) -> list[tuple[str, str]]:
    """Message-id of the patch, and what the problem is, of all that an answer tells."""
    msgids = {one["id"]: one["message_id"] for one in got["patches"]}
    return [
        (msgids[one["patch_id"]], found["problem"])
        for one in got["reviews"]
        for found in json.loads(one["output"])["findings"]
    ]


def as_told(*found: Finding) -> list[tuple[str, str]]:
    return [(one.patch.msgid, one.message) for one in found]


def kept(made: Review | None = REVIEW, **values: Any) -> Kept:
    return Kept(COVER, (COVER, FIRST, SECOND), review=made, **values)


def told_of(one: Kept) -> Any:
    return answer(one, MASK)


def test_every_mail_of_a_series_finds_it(shop: Shop, ask: Ask) -> None:
    shop.feed(*whole("a"))
    shop.work()
    got = ask("a0@author.example")
    assert (got["message_id"], got["status"]) == ("a0@author.example", "Reviewed")
    ids = {one["message_id"]: one["id"] for one in got["patches"]}
    assert ids.keys() == {"a1@author.example", "a2@author.example"}
    reviews = {one["patch_id"]: one for one in got["reviews"]}
    first, second = (reviews[ids[msgid]] for msgid in sorted(ids))
    assert (json.loads(first["output"]), first["inline_review"]) == ({"findings": []}, "")
    assert len(json.loads(second["output"])["findings"]) == 2
    assert ask("a1@author.example") == ask("a2@author.example") == got
    assert ask("a3@author.example") is None


def test_an_answer_is_made_of_findings_with_their_places(store: Store, ask: Ask) -> None:
    record(store)
    first, second = ask(COVER)["reviews"]
    assert json.loads(first["output"])["findings"][1] == {
        "severity": "high",
        "problem": "importer_ops is NULL for importers that use dma_buf_attach(); please test it "
        "before looking into it.",
        "severity_explanation": "revokebot's rule null-importer-ops",
        "preexisting": False,
        "locations": [{"file": "include/linux/dma-buf.h", "line": 617}],
    }
    severities = [one["severity"] for one in json.loads(first["output"])["findings"]]
    assert severities == ["low", "high", "medium"]
    assert second["inline_review"] == (
        "> diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c\n"
        "> --- a/drivers/dma-buf/dma-buf.c\n"
        "> +++ b/drivers/dma-buf/dma-buf.c\n"
        "> @@ -84 +84 @@\n"
        "> +EXPORT_SYMBOL_GPL(dma_buf_lend_count);\n"
        "\n"
        "Symbols of the dma-buf core are exported into its namespace.\n"
        "\n"
        "See https://lore.kernel.org/r/20260101-lending@example.org\n"
        "\n"
        "[revokebot: core-namespace]"
    )


def test_what_is_told_is_what_all_channels_tell(store: Store, ask: Ask) -> None:
    record(store)
    assert findings(ask(FIRST)) == as_told(*told(REVIEW))
    assert len(told(REVIEW)) == len(REVIEW.findings) - 1


@pytest.mark.parametrize("status", [Status.MENDED, Status.DISMISSED])
def test_what_the_ledger_silences_is_not_told(store: Store, ask: Ask, status: Status) -> None:
    record(store, silent=status)
    assert findings(ask(COVER)) == as_told(*told(REVIEW)[1:])


def test_what_was_said_by_others_is_told(store: Store, ask: Ask) -> None:
    record(store, silent=Status.SAID)
    assert findings(ask(COVER)) == as_told(*told(REVIEW))


def test_what_is_dismissed_later_is_not_told(store: Store, ask: Ask) -> None:
    record(store)
    (draft,) = (one for one in store.drafts() if one.parent == SECOND)
    (gone,), _replies = store.dismiss(draft.id, "it is not", NOW)
    assert findings(ask(COVER)) == as_told(*told(REVIEW)[:-1])
    store.undismiss([gone.fingerprint])
    assert findings(ask(COVER)) == as_told(*told(REVIEW))


def test_what_a_person_has_discarded_is_not_told(store: Store, ask: Ask) -> None:
    record(store)
    (draft,) = (one for one in store.drafts() if one.parent == SECOND)
    store.discard(draft.id, NOW, "not worth it")
    assert findings(ask(COVER)) == as_told(*told(REVIEW)[:-1])


def test_what_a_newer_revision_has_discarded_is_told(store: Store, ask: Ask) -> None:
    record(store)
    assert store.discard_for(COVER, NOW, "revision 3 has come") == 2
    assert findings(ask(COVER)) == as_told(*told(REVIEW))


def test_what_has_left_is_told_though_a_person_discarded_it_elsewhere(
    store: Store, ask: Ask
) -> None:
    replies = written(SEND)
    both = [one._replace(says=replies[0].says) for one in replies]
    store.record(REVIEW, [Entry(one, Status.NEW, "new") for one in REVIEW.findings], both, NOW)
    first = store.claim("me", NOW, LEASE)
    assert first is not None
    store.begin(first.id, "me", NOW, LEASE)
    store.sent(first.id, "me", NOW, "250 ok", {})
    (rest,) = (one for one in store.drafts() if one.id != first.id)
    store.discard(rest.id, NOW, "told already")
    assert findings(ask(COVER)) == as_told(*told(REVIEW))


def test_a_revision_has_its_own_findings(shop: Shop, ask: Ask) -> None:
    shop.feed(*whole("a"))
    shop.work()
    shop.feed(*whole("b", 2, "a0@author.example"))
    shop.work()
    old, new = ask("a2@author.example"), ask("b2@author.example")
    assert {msgid for msgid, _ in findings(old)} == {"a2@author.example"}
    assert {msgid for msgid, _ in findings(new)} == {"b2@author.example"}
    assert old["id"] != new["id"]


def test_a_series_on_its_way(shop: Shop, ask: Ask) -> None:
    cover, first, last = whole("a")
    assert ask("a2@author.example") is None
    shop.feed(cover, last)
    for msgid in ("a0@author.example", "a2@author.example"):
        assert (ask(msgid)["status"], ask(msgid)["reviews"]) == ("Pending", [])
    number = shop.store.claim_thread(OWNER, shop.now, LONG)
    assert number is not None
    assert ask("a2@author.example")["status"] == "In Review"
    shop.shop.work(number, OWNER)
    assert shop.fates() == {"a0@author.example": "waiting"}
    assert ask("a2@author.example")["status"] == "Pending"
    shop.settle()
    assert (ask("a2@author.example")["status"], ask("a2@author.example")["reviews"]) == (
        "Incomplete", [],
    )  # fmt: skip
    shop.feed(first)
    assert ask("a2@author.example")["status"] == "Pending"
    shop.work()
    assert ask("a1@author.example")["status"] == "Reviewed"


def test_a_series_whose_review_failed(shop: Shop, ask: Ask) -> None:
    shop.feed(*whole("a"))
    number = shop.store.claim_thread(OWNER, shop.now, LONG)
    assert number is not None
    assert shop.store.failed_thread(number, OWNER, shop.now, shop.now, "it died", 1)
    assert ask("a0@author.example")["status"] == "Failed"


def test_a_reply_takes_nothing_away(shop: Shop, ask: Ask) -> None:
    shop.feed(*whole("a"))
    shop.work()
    before = ask("a0@author.example")
    answered = mail("Re: [PATCH 2/2] teapot: tell", "r@x.example", "a2@author.example", "Fine.\n")
    shop.feed(answered)
    shop.store.retry_thread("a0@author.example", shop.now)
    assert ask("a0@author.example") == before
    assert ask("r@x.example") is None
    number = shop.store.claim_thread(OWNER, shop.now, LONG)
    assert number is not None
    assert ask("a0@author.example") == before


def test_parts_that_were_taken_for_a_series_of_their_own(shop: Shop, ask: Ask) -> None:
    cover, first, last = whole("a")
    shop.feed(first, last)
    shop.settle()
    before = ask("a2@author.example")
    assert (before["status"], before["message_id"]) == ("Reviewed", "")
    shop.feed(cover)
    shop.settle()
    assert set(shop.fates().values()) == {"replaced", "reviewed"}
    after = ask("a2@author.example")
    assert after["message_id"] == "a0@author.example"
    assert after["reviews"] == before["reviews"]


def test_of_what_is_not_reviewed_there_is_silence(shop: Shop, ask: Ask) -> None:
    pull = "The following changes since commit 1111111111111111111111111111111111111111:\n\n  x\n\n"
    pull += "are available in the Git repository at:\n\n  https://git.example/x.git t\n\n"
    pull += "for you to fetch changes up to 2:\n\ndma_buf_move_notify\n"
    shop.feed(
        *series(2, stem="q"),
        mail("[GIT PULL] teapot", "p@author.example", body=pull),
        mail(
            "[PATCH 0/9] dma_buf_move_notify: a plan", "c0@author.example", body="dma_buf_pin()\n"
        ),
        mail("lunch", "l@author.example", body="Soup.\n"),
    )
    shop.settle()
    assert shop.fates() == {"p@author.example": "pull request", "c0@author.example": "cover only"}
    assert ask("q0@author.example") is None
    assert ask("q1@author.example") is None
    assert ask("p@author.example") is None
    assert ask("l@author.example") is None
    assert ask("c0@author.example")["status"] == "Incomplete"


def test_no_mail_is_needed(shop: Shop, ask: Ask, store_url: str) -> None:
    shop.feed(*whole("a"))
    shop.work()
    before = ask("a0@author.example")
    shop.later(timedelta(days=400))
    with Pruner.open(StoreSettings(store_url)) as pruner:
        assert pruner.prune(shop.now, WatchSettings()).threads == 1
    after = ask("a0@author.example")
    assert after["reviews"] == [one for one in before["reviews"] if one["inline_review"]]
    assert ask("a2@author.example") == after
    assert ask("a1@author.example") is None


def test_an_id_changes_with_what_it_stands_for(store: Store, ask: Ask) -> None:
    record(store)
    before = ask(COVER)
    record(store)
    assert ask(COVER) == before
    record(store, silent=Status.DISMISSED)
    after = ask(COVER)
    assert (after["id"], after["patches"]) == (before["id"], before["patches"])
    old, new = ({one["patch_id"]: one["id"] for one in got["reviews"]} for got in (before, after))
    first, second = (one["id"] for one in before["patches"])
    assert new[first] != old[first]
    assert new[second] == old[second]
    assert all(0 < one < 1 << 53 for one in (before["id"], *old, *old.values()))


def test_what_could_not_be_reviewed_is_no_all_clear() -> None:
    crashed = Problem("rule-crashed", "resv-lock", "KeyError: 'x' (at check:9, on x); report it")
    damaged = Problem("damaged-diff", FIRST, "a.c: line 3 is short; this file is not reviewed")
    other = Problem("older-revisions-unknown", SECOND, "the archive was no help")
    words = "not all was reviewed: a.c: line 3 is short; this file is not reviewed"

    def both(*errors: Problem) -> Any:
        return told_of(kept(REVIEW._replace(findings=(), errors=errors)))["reviews"]

    first, second = both(damaged, other)
    assert (first["status"], first["result"]) == ("Failed", words)
    assert second["status"] == "Reviewed"
    first, second = both(damaged, crashed)
    assert first["result"] == f"{words} (and 1 more)"
    assert second["result"].startswith("not all was reviewed: rule resv-lock: KeyError: 'x'")
    # What was found is told all the same.
    first, second = told_of(kept(REVIEW._replace(errors=(damaged,))))["reviews"]
    assert first["status"] == second["status"] == "Reviewed"
    *found, last = json.loads(first["output"])["findings"]
    assert len(found) == 3
    assert (last["severity"], last["problem"]) == ("low", words)


@pytest.mark.parametrize(
    ("fate", "stage", "reviewed", "status"),
    [
        (None, None, True, "Reviewed"),
        (None, Stage.DUE, True, "Reviewed"),
        (Fate.REVIEWED, Stage.PARKED, True, "Reviewed"),
        (Fate.REVIEWED, Stage.DONE, False, None),
        (Fate.INCOMPLETE, Stage.DONE, True, "Incomplete"),
        (Fate.INCOMPLETE, Stage.PARKED, True, "Failed"),
        (Fate.WAITING, Stage.DUE, False, "Pending"),
        (Fate.WAITING, Stage.DONE, False, "Pending"),
        (Fate.WAITING, Stage.WORKING, True, "In Review"),
        (Fate.OUT_OF_SCOPE, Stage.DUE, True, None),
        (Fate.NO_PATCH, Stage.DONE, False, None),
        (None, Stage.QUIET, False, None),
    ],
)
def test_status(fate: Fate | None, stage: Stage | None, reviewed: bool, status: str | None) -> None:
    got = told_of(kept(REVIEW if reviewed else None, fate=fate, stage=stage))
    assert (got["status"] if got else None) == status
    assert not got or bool(got["reviews"]) == (status == "Reviewed")


def test_a_review_that_missed_parts_is_incomplete_also_without_a_watcher() -> None:
    missing = Problem("missing-patch", COVER, "part 3 of 3 is not here")
    got = told_of(kept(REVIEW._replace(errors=(missing,))))
    assert (got["status"], got["reviews"]) == ("Incomplete", [])


def test_the_page_names_the_operator_and_no_mail() -> None:
    text = page(ReplySettings(operator="<b>A & B</b>", homepage="https://x.example/?a&b"))
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in text
    assert "https://x.example/?a&amp;b" in text
    assert "<script" not in text
    assert "Operator" not in page(ReplySettings())
