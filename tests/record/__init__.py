# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of the record of the rules, of what it mutes, and of what is made of dismissals."""
