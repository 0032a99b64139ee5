# SPDX-License-Identifier: GPL-2.0-or-later
"""Orders by mail: what was heard, who is left alone, and mails of ours that tell of no review."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the columns and tables; what files older reviews were of is not known."""
    op.add_column("review", sa.Column("files", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("dismissal", sa.Column("who", sa.Text(), nullable=False, server_default=""))
    with op.batch_alter_table("reply") as reply:  # SQLite makes the table anew for it
        reply.add_column(sa.Column("kind", sa.Text(), nullable=False, server_default="review"))
        reply.alter_column("review_id", existing_type=sa.Integer(), nullable=True)
    op.create_table(
        "heard",
        sa.Column("msgid", sa.Text(), primary_key=True),
        sa.Column("copy", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("moment", MOMENT, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("orders", sa.JSON(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("ignored", sa.Integer(), nullable=False),
    )
    op.create_index("ix_heard_content", "heard", ["content"])
    op.create_table(
        "leave",
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("what", sa.Text(), primary_key=True),
        sa.Column("who", sa.Text(), primary_key=True),
        sa.Column("mail", sa.Text(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
    )
