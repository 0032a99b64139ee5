# SPDX-License-Identifier: GPL-2.0-or-later
"""What a watcher keeps: inboxes with their cursors, mails, threads, series, what went wrong."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "inbox",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("cursor", sa.Text(), nullable=False),
        sa.Column("due", MOMENT),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", MOMENT),
        sa.Column("polled", MOMENT),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
    )
    _threads()
    _series()


def _threads() -> None:
    op.create_table(
        "thread",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("due", MOMENT),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", MOMENT),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("waits", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("asked", MOMENT),
        sa.Column("arrived", MOMENT),
        sa.Column("changed", MOMENT, nullable=False),
    )
    op.create_index("ix_thread_due", "thread", ["state", "due"])
    op.create_table(
        "mail",
        sa.Column("msgid", sa.Text(), primary_key=True),
        sa.Column("thread", sa.Integer(), sa.ForeignKey("thread.id"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("inbox", sa.Text(), nullable=False),
        sa.Column("arrived", MOMENT),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("bucket", sa.Text(), nullable=False),
        sa.Column("date", MOMENT),
        sa.Column("raw", sa.LargeBinary()),
    )
    op.create_index("ix_mail_thread", "mail", ["thread"])
    op.create_index("ix_mail_loose", "mail", ["author", "bucket", "date"])
    op.create_index("ix_mail_arrived", "mail", ["arrived"])


def _series() -> None:
    op.create_table(
        "series",
        sa.Column("msgid", sa.Text(), primary_key=True),
        sa.Column("thread", sa.Integer(), sa.ForeignKey("thread.id"), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("parts", sa.JSON(), nullable=False),
        sa.Column("fate", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("until", MOMENT),
        sa.Column("changed", MOMENT, nullable=False),
    )
    op.create_index("ix_series_thread", "series", ["thread"])
    op.create_table(
        "kin",
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("thread", sa.Integer(), sa.ForeignKey("thread.id"), primary_key=True),
    )
    op.create_index("ix_kin_thread", "kin", ["thread"])
    op.create_table(
        "incident",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("moment", MOMENT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
    )
