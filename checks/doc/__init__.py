# SPDX-License-Identifier: GPL-2.0-or-later
"""Documentation duties: the kernel-doc of the notify function and its kin."""
