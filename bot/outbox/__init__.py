# SPDX-License-Identifier: GPL-2.0-or-later
"""What `bot.store` is made of: the database, its tables and migrations, and what a row means."""
