# SPDX-License-Identifier: GPL-2.0-or-later
"""Measurements against what a maintainer uses today: `make bench`."""
