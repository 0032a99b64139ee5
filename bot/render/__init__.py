# SPDX-License-Identifier: GPL-2.0-or-later
"""From a `Review` to text, JSON or mail; pure functions that send and write nothing."""
