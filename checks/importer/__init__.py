# SPDX-License-Identifier: GPL-2.0-or-later
"""What an importer owes the exporter."""
