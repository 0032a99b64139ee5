# SPDX-License-Identifier: GPL-2.0-or-later
"""The first tables: reviews, the ledger, replies and the off switch."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "review",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("msgid", sa.Text(), nullable=False, unique=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("list_id", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("date", WHEN),
        sa.Column("edition", sa.Text(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("errors", sa.JSON(), nullable=False),
        sa.Column("recorded", WHEN, nullable=False),
    )
    op.create_table(
        "entry",
        sa.Column("id", sa.Integer(), primary_key=True),
        _of_review(),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("mention", sa.Text(), nullable=False),
    )
    _make_reply()
    op.create_table(
        "switch",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    op.create_index("ix_entry_review_id", "entry", ["review_id"])
    op.create_index("ix_reply_review_id", "reply", ["review_id"])
    op.create_index("ix_reply_parent", "reply", ["parent"])
    op.create_index("ix_reply_state", "reply", ["state", "not_before"])


def _make_reply() -> None:
    op.create_table(
        "reply",
        sa.Column("id", sa.Integer(), primary_key=True),
        _of_review(),
        sa.Column("msgid", sa.Text(), nullable=False, unique=True),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("recipients", sa.JSON(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("lists", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", WHEN),
        sa.Column("changed", WHEN, nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", WHEN),
        sa.Column("doubtful", sa.Boolean(), nullable=False),
        sa.Column("refused", sa.JSON(), nullable=False),
        sa.Column("sent", WHEN),
    )


def _of_review() -> sa.Column[int]:
    return sa.Column(
        "review_id", sa.Integer(), sa.ForeignKey("review.id", ondelete="CASCADE"), nullable=False
    )
