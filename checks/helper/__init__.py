# SPDX-License-Identifier: GPL-2.0-or-later
"""What a revoke helper must test, and how it is described."""
