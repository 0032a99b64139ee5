# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m bot` is `revokebot`; it does nothing else."""

from __future__ import annotations

import sys

from bot.cli import main

sys.exit(main())
