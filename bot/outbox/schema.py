# SPDX-License-Identifier: GPL-2.0-or-later
"""The tables of the outbox; `bot.outbox.migrations` makes them, nothing here connects or writes."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    TypeDecorator,
    false,
)
from sqlalchemy import Text as UnlimitedText

__all__ = [
    "METADATA", "REVISION", "Moment", "dismissal", "entry", "heard", "inbox", "incident", "kin",
    "leave", "mail", "reply", "review", "series", "switch", "thread",
]  # fmt: skip

REVISION = "0005"
"""The migration that makes what is below."""

METADATA = MetaData()
UNFIT = re.compile("[\0\ud800-\udfff]")


class Text(TypeDecorator[str]):
    """Words of a mail or a server, without what PostgreSQL or UTF-8 does not take.

    A NUL and a lone surrogate become U+FFFD, also in what is looked for.
    """

    impl = UnlimitedText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Nearly all of it is ASCII, and stays as it is."""
        if value is None or (value.isascii() and "\0" not in value):
            return value
        return UNFIT.sub("\ufffd", value)


class Moment(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC: SQLite has no time zones and would drop one silently."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; a naive datetime is a bug of the caller."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Back to an aware datetime in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


review = Table(
    "review",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("msgid", Text, nullable=False, unique=True),
    Column("subject", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("list_id", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("date", Moment),
    Column("edition", Text, nullable=False),
    Column("findings", JSON, nullable=False),
    Column("errors", JSON, nullable=False),
    Column("recorded", Moment, nullable=False),
    Column("files", JSON, nullable=False, server_default="[]"),
)

entry = Table(
    "entry",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("review_id", ForeignKey("review.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("fingerprint", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("mention", Text, nullable=False),
    Column("revision", Integer, nullable=False, server_default="0"),
)

reply = Table(
    "reply",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("review_id", ForeignKey("review.id", ondelete="CASCADE"), index=True),
    Column("msgid", Text, nullable=False, unique=True),
    Column("parent", Text, nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("recipients", JSON, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("author", Text, nullable=False),
    Column("lists", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Moment),
    Column("changed", Moment, nullable=False),
    Column("owner", Text),
    Column("lease_until", Moment),
    Column("doubtful", Boolean, nullable=False),
    Column("refused", JSON, nullable=False),
    Column("sent", Moment),
    Column("says", JSON, nullable=False, server_default="[]"),
    Column("dkim", Text, nullable=False, server_default=""),
    Column("by_hand", Boolean, nullable=False, server_default=false()),
    Column("waits", Integer, nullable=False, server_default="0"),
    Column("kind", Text, nullable=False, server_default="review"),
)
"""A mail of ours (`bot.outgoing.Kind`); only one that tells of a review has one."""
Index("ix_reply_state", reply.c.state, reply.c.not_before)

dismissal = Table(
    "dismissal",
    METADATA,
    Column("fingerprint", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("recorded", Moment, nullable=False),
    Column("who", Text, nullable=False, server_default=""),
)

switch = Table(
    "switch",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text, nullable=False),
)

inbox = Table(
    "inbox",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("due", Moment),
    Column("owner", Text),
    Column("lease_until", Moment),
    Column("polled", Moment),
    Column("failures", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("mails", Integer, nullable=False),
)
"""An inbox that is watched, and how far it has been read."""

thread = Table(
    "thread",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("due", Moment),
    Column("owner", Text),
    Column("lease_until", Moment),
    Column("attempts", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("waits", Integer, nullable=False, server_default="0"),
    Column("version", Integer, nullable=False),
    Column("asked", Moment),
    Column("arrived", Moment),
    Column("changed", Moment, nullable=False),
)
"""Mails that hang together, and when they are to be looked at (`bot.incoming.Stage`).

`version` counts the mails that may change what there is to say; `asked` is when the
archive was asked for the rest of it, `waits` how often in a row it gave no answer.
"""
Index("ix_thread_due", thread.c.state, thread.c.due)

mail = Table(
    "mail",
    METADATA,
    Column("msgid", Text, primary_key=True),
    Column("thread", ForeignKey("thread.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("inbox", Text, nullable=False),
    Column("arrived", Moment),
    Column("author", Text, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("date", Moment),
    Column("raw", LargeBinary),
)
"""A mail that has come, or one that is only referred to; its bytes are compressed."""
Index("ix_mail_loose", mail.c.author, mail.c.bucket, mail.c.date)
Index("ix_mail_arrived", mail.c.arrived)

series = Table(
    "series",
    METADATA,
    Column("msgid", Text, primary_key=True),
    Column("thread", ForeignKey("thread.id"), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("parts", JSON, nullable=False),
    Column("fate", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("until", Moment),
    Column("changed", Moment, nullable=False),
)
"""A series that has come, and what became of it."""

kin = Table(
    "kin",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("thread", ForeignKey("thread.id"), primary_key=True, index=True),
)
"""What revisions of a series have in common, title or change-id, and the threads that have it."""

incident = Table(
    "incident",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("moment", Moment, nullable=False),
    Column("kind", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("words", Text, nullable=False),
)
"""What went wrong lately, for a person to look at."""

heard = Table(
    "heard",
    METADATA,
    Column("msgid", Text, primary_key=True),
    Column("copy", Text, nullable=False),
    Column("content", Text, nullable=False, index=True),
    Column("moment", Moment, nullable=False),
    Column("author", Text, nullable=False),
    Column("orders", JSON, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("ignored", Integer, nullable=False),
)
"""A mail with orders, and what came of them (`bot.orders`).

`copy` is the hash of all its bytes, `content` that of what a replay can't change.
"""

leave = Table(
    "leave",
    METADATA,
    Column("kind", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("who", Text, primary_key=True),
    Column("mail", Text, nullable=False),
    Column("since", Moment, nullable=False),
)
"""Who is to be left alone, or written to, and who asked for that by which mail."""
