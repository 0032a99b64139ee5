# SPDX-License-Identifier: GPL-2.0-or-later
"""Replies: write a thousand and put them into the outbox, beside Python's own mail writer.

The other one makes the same mails of the finished header fields and text, so
it has no words to choose and no lines to quote.
"""

from __future__ import annotations

import email
import email.policy
import tempfile
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from benchmarks.mails import EXAMPLE
from benchmarks.timing import interleaved
from bot.ledger import ledger
from bot.model import Posting, Review
from bot.outgoing import Action, Verdict
from bot.render.mail import replies
from bot.review import review
from bot.settings import ReplySettings, StoreSettings
from bot.sources import open_source
from bot.store import Store
from checks import load_rules

COUNT = 1000
ROUNDS = 5
NOW = datetime(2026, 2, 4, 9, 0, tzinfo=UTC)
SETTINGS = ReplySettings(address="bot@example.org", operator="the example team")
MASK = "https://lore.kernel.org/r/%s"


def main() -> None:
    """Write and queue, then print time per reply and the ratio."""
    done = review(next(iter(open_source(str(EXAMPLE)))), load_rules())
    each = len(replies(done, SETTINGS, MASK, NOW)[0])
    reviews = [renamed(done, number) for number in range(COUNT // each)]
    raws = [reply.raw for one in reviews for reply in replies(one, SETTINGS, MASK, NOW)[0]]
    parsed = [email.message_from_bytes(raw, policy=email.policy.default) for raw in raws]
    fields = [(mail.items(), str(mail.get_content())) for mail in parsed]
    with tempfile.TemporaryDirectory() as folder:
        databases = (Path(folder, f"{number}.db") for number in range(2 * ROUNDS + 2))
        seconds = interleaved(
            {
                "revokebot": lambda: _queue(reviews, next(databases)),
                "email": lambda: _generate(fields),
            },
            ROUNDS,
        )
    ours, theirs = seconds["revokebot"], seconds["email"]
    print(
        f"replies: {len(raws)} written and queued in {ours:.2f} s, {1000 * ours / len(raws):.2f} ms"
        f" each; email.message writes them in {theirs:.2f} s: {ours / theirs:.1f} times its time"
    )


def renamed(done: Review, number: int) -> Review:
    """`done` as the review of a series with message-ids of its own."""
    posting = done.posting
    ids = {msgid: f"{number}.{msgid}" for msgid in posting.mails}
    series = posting.series
    patches = tuple(patch._replace(msgid=ids[patch.msgid]) for patch in series.patches)
    mails = {ids[msgid]: mail._replace(msgid=ids[msgid]) for msgid, mail in posting.mails.items()}
    findings = tuple(
        found._replace(patch=found.patch._replace(msgid=ids[found.patch.msgid]))
        for found in done.findings
    )
    renamed = series._replace(msgid=ids[series.msgid], patches=patches)
    return done._replace(posting=Posting(renamed, mails), findings=findings)


def _queue(reviews: list[Review], database: Path) -> None:
    verdict = Verdict(Action.DRAFT, "measured")
    with Store.open(StoreSettings(url=f"sqlite:///{database}")) as store:
        for done in reviews:
            entries = ledger(done, (), ())
            written, _refused = replies(done, SETTINGS, MASK, NOW, entries=entries)
            kept = [reply.judged(verdict) for reply in written]
            assert len(store.record(done, entries, kept, NOW)) == len(written) > 0


def _generate(fields: list[tuple[list[tuple[str, str]], str]]) -> None:
    skipped = ("content-type", "content-transfer-encoding", "mime-version")
    for headers, text in fields:
        mail = EmailMessage(policy=email.policy.SMTP)
        for name, value in headers:
            if name.lower() not in skipped:
                mail[name] = str(value)
        mail.set_content(text)
        assert mail.as_bytes()
