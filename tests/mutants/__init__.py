# SPDX-License-Identifier: GPL-2.0-or-later
"""Correct patches of our own, and the ways to break them: what a rule is worth is what it catches."""
