# SPDX-License-Identifier: GPL-2.0-or-later
"""How often in a row a reply could not even be tried."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("reply", sa.Column("waits", sa.Integer(), nullable=False, server_default="0"))
