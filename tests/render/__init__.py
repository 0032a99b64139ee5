# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of what a review looks like."""
