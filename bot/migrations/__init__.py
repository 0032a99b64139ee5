# SPDX-License-Identifier: GPL-2.0-or-later
"""What brings a database to the tables of `bot.schema`; run by `bot.database` only."""
