# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of `bot.sources`: mail in all its shapes, and what a user may name."""
