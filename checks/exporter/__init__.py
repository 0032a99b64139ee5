# SPDX-License-Identifier: GPL-2.0-or-later
"""What an exporter owes its importers."""
