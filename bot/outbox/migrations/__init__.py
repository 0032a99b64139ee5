# SPDX-License-Identifier: GPL-2.0-or-later
"""Brings a database to the tables of `bot.outbox.schema`; `bot.outbox.database` runs it."""
