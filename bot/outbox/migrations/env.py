# SPDX-License-Identifier: GPL-2.0-or-later
"""What Alembic runs: the migrations, in the transaction that `bot.outbox.database` has begun.

It opens no connection itself, so that two processes can't both migrate.
"""

from __future__ import annotations

from alembic import context

from bot.outbox.schema import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
with context.begin_transaction():
    context.run_migrations()
