# SPDX-License-Identifier: GPL-2.0-or-later
"""What a reply says and who approved it, for which revision a finding was told, dismissals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table; of older rows nothing of it is known."""
    op.add_column("reply", sa.Column("says", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("reply", sa.Column("dkim", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "reply", sa.Column("by_hand", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("entry", sa.Column("revision", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "dismissal",
        sa.Column("fingerprint", sa.Text(), primary_key=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recorded", sa.DateTime(timezone=True), nullable=False),
    )
