# SPDX-License-Identifier: GPL-2.0-or-later
"""From the text of a diff to facts about C: parsed once, lazily, and decided nowhere here."""
