# SPDX-License-Identifier: GPL-2.0-or-later
"""The migrations, one a file; a released one is never changed."""
