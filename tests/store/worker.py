# SPDX-License-Identifier: GPL-2.0-or-later
"""One sender in a process of its own: claims until nothing is due, or hangs after one claim.

Run as `python -m tests.store.worker URL OWNER send|hang`; prints the ids that it claimed.
"""

from __future__ import annotations

import sys
import time

from bot.settings import StoreSettings
from bot.store import Store
from tests.store.outbox import LEASE, NOW


def work(url: str, owner: str, what: str) -> None:
    """Claim and finish, or claim and hang."""
    with Store.open(StoreSettings(url)) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        while draft := store.claim(owner, NOW, LEASE):
            print(draft.id, flush=True)
            if what == "hang":
                time.sleep(60)
            store.sent(draft.id, owner, NOW, "250 ok", {})


if __name__ == "__main__":
    work(*sys.argv[1:])
