# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the outbox and of the command that shows it."""
