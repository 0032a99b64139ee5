# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of what has become of findings, from the thread to the ledger."""
