# SPDX-License-Identifier: GPL-2.0-or-later
"""revokebot: reviews patch series against the DMA-buf revoke contract."""

__version__ = "0.1.0"
