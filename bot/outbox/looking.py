# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads what is kept of the series that a mail is of, and what of it is told to nobody.

It never writes, and opens no mail: what was found, and where, stands in the review.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select

from bot.incoming import Fate, Kind, Stage
from bot.kept import Kept
from bot.model import Posting, Review
from bot.outbox.database import Database
from bot.outbox.rows import finding_of
from bot.outbox.schema import dismissal, entry, mail, reply, review, series, thread
from bot.outgoing import State, Status
from checks.api import Edition, Problem, Series

__all__ = ["Looker"]

SILENT = (Status.DISMISSED.value, Status.MENDED.value)


class Looker(Database):
    """The database of the bot, asked about one series after the other."""

    def kept(self, msgid: str) -> Kept | None:
        """What is kept of the series that the mail `msgid` (bare) is a part of, None for nothing.

        It is the revision that the mail is of, whatever came later.  Without the
        mails of the watcher, a mail is known that names a review or was answered.
        """
        with self._reading() as connection:
            found = _watched(connection, msgid)
            row = _review(connection, found.msgid if found else msgid)
            if found is None:
                row = row or _answered(connection, msgid)
                found = Kept(row["msgid"], ()) if row else None
            return _with_review(connection, found, row, msgid) if found and row else found


def _watched(connection: Connection, msgid: str) -> Kept | None:
    """What the watcher knows of the series, its review apart."""
    query = select(mail.c.kind, mail.c.thread, thread.c.state)
    query = query.join(thread, thread.c.id == mail.c.thread).where(mail.c.msgid == msgid)
    came = connection.execute(query).first()
    if came is None or came.kind != Kind.PATCH.value:
        return None
    stage = Stage(came.state)
    query = select(series).where(series.c.thread == came.thread)
    query = query.where(series.c.fate != Fate.REPLACED.value)
    for row in connection.execute(query.order_by(series.c.changed.desc())).mappings():
        if msgid in row["parts"]:
            return Kept(row["msgid"], tuple(row["parts"]), stage, Fate(row["fate"]))
    # One that was reviewed by hand is known all the same.
    return Kept(msgid, (msgid,), stage) if stage not in (Stage.QUIET, Stage.DONE) else None


def _review(connection: Connection, msgid: str) -> Mapping[Any, Any] | None:
    return connection.execute(select(review).where(review.c.msgid == msgid)).mappings().first()


def _answered(connection: Connection, msgid: str) -> Mapping[Any, Any] | None:
    """The review that a reply to the mail tells of."""
    query = select(review).join(reply, reply.c.review_id == review.c.id)
    query = query.where(reply.c.parent == msgid).order_by(reply.c.id.desc()).limit(1)
    return connection.execute(query).mappings().first()


def _with_review(connection: Connection, found: Kept, row: Mapping[Any, Any], msgid: str) -> Kept:
    made = _made(row)
    replies = select(reply).where(reply.c.review_id == row["id"])
    written = connection.execute(replies).mappings().all()
    named = (finding.patch.msgid for finding in made.findings)
    parts = (row["msgid"], *named, *(one["parent"] for one in written), msgid)
    return found._replace(
        mails=found.mails or tuple(dict.fromkeys(parts)),
        review=made,
        silenced=_silenced(connection, row["id"], made) | _discarded(written),
    )


def _made(row: Mapping[Any, Any]) -> Review:
    return Review(
        posting=Posting(Series(row["msgid"], row["subject"], row["revision"], (), 0, row["date"])),
        edition=Edition(row["edition"]),
        edition_reason="",
        context="",
        verified=None,
        findings=tuple(map(finding_of, row["findings"])),
        errors=tuple(Problem(**one) for one in row["errors"]),
    )


def _silenced(connection: Connection, number: int, made: Review) -> frozenset[str]:
    """Fingerprints of what the ledger, or the operator since, says nobody is to hear."""
    lines = select(entry.c.fingerprint).where(entry.c.review_id == number)
    lines = lines.where(entry.c.status.in_(SILENT))
    marks = [finding.fingerprint for finding in made.findings]
    since = select(dismissal.c.fingerprint).where(dismissal.c.fingerprint.in_(marks))
    return frozenset(connection.execute(lines.union(since)).scalars())


def _discarded(replies: Iterable[Mapping[Any, Any]]) -> frozenset[str]:
    """Fingerprints in replies that a person has discarded, and in none that has left."""
    silent: set[str] = set()
    told: set[str] = set()
    for one in replies:
        if one["state"] == State.SENT.value:
            told.update(one["says"])
        elif one["state"] == State.DISCARDED.value and one["by_hand"]:
            silent.update(one["says"])
    return frozenset(silent - told)
