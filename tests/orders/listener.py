# SPDX-License-Identifier: GPL-2.0-or-later
"""A process that obeys the orders of a folder of mails, over and over until it is done or killed.

Run as `python -m tests.orders.listener URL NAMES FOLDER NOW`.  It prints a line
when it is ready, and one for each mail that it has dealt with.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from bot.config import Settings
from bot.orders.obey import obey, signatures
from bot.settings import DkimSettings, StoreSettings
from bot.store import Store
from tests.orders.desk import TREE
from tests.sending import SETTINGS

__all__: list[str] = []


def listen(url: str, names: str, folder: str, now: str) -> None:
    """Obey each mail by itself."""
    settings: Settings = SETTINGS
    look = signatures(DkimSettings((names,)))
    with Store.open(StoreSettings(url)) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        for path in sorted(Path(folder).iterdir()):
            raws = [path.read_bytes()]
            (heard,) = obey(store, raws, settings, datetime.fromisoformat(now), look, lambda: TREE)
            print("fresh" if heard.fresh else "known", flush=True)


if __name__ == "__main__":
    listen(*sys.argv[1:])
