# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rules are muted, asked of a year's outbox, beside the review of one small series.

It is asked before each series is answered, and before each reply leaves.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.mails import EXAMPLE
from benchmarks.replies import MASK, SETTINGS, renamed
from benchmarks.timing import interleaved
from bot.config import Settings
from bot.in_force import in_force
from bot.ledger import ledger
from bot.model import Review
from bot.outgoing import Action, Verdict
from bot.render.mail import replies
from bot.review import review
from bot.settings import StoreSettings
from bot.sources import open_source
from bot.store import Store
from checks import load_rules

COUNT = 300
"""Series that were answered."""
ROUNDS = 9
NOW = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)
LEASE = timedelta(minutes=5)


def main() -> None:
    """Fill an outbox, then ask it before and after somebody has said no."""
    rules = load_rules()
    posting = next(iter(open_source(str(EXAMPLE))))
    done = review(posting, rules)
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder, 'outbox.db')}"
        with Store.open(StoreSettings(url=url)) as store:
            told = _fill(store, done)
            _tell(store, f"{told} mails, and nobody said no", lambda: review(posting, rules))
            store.dismiss(1, "measured", NOW, done.findings[0].rule)
            _tell(store, f"{told} mails, and one no", lambda: review(posting, rules))


def _fill(store: Store, done: Review) -> int:
    """Send what there is to say of many series; return how many mails that makes."""
    verdict = Verdict(Action.SEND, "measured")
    for number in range(COUNT):
        one = renamed(done, number)
        series = one.posting.series
        titled = series._replace(subject=f"{series.subject} {number}")
        one = one._replace(posting=one.posting._replace(series=titled))
        entries = ledger(one, (), ())
        written, _refused = replies(one, SETTINGS, MASK, NOW, entries=entries)
        store.record(one, entries, [reply.judged(verdict) for reply in written], NOW)
    sent = 0
    while (draft := store.claim("one", NOW, LEASE)) is not None:
        store.begin(draft.id, "one", NOW, LEASE)
        store.sent(draft.id, "one", NOW, "250 OK", {})
        sent += 1
    return sent


def _tell(store: Store, what: str, beside: Callable[[], object]) -> None:
    seconds = interleaved(
        {"asked": lambda: in_force(Settings(), store, NOW), "review": beside}, ROUNDS
    )
    ours, theirs = seconds["asked"], seconds["review"]
    print(
        f"muted rules: {what}: {1000 * ours:.2f} ms, {ours / theirs:.2f} times"
        f" the review of a series of two patches"
    )
