# SPDX-License-Identifier: GPL-2.0-or-later
"""EXPORT_SYMBOL_FOR_MODULES, namespaces, and how exports are written."""
