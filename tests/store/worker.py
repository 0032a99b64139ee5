# SPDX-License-Identifier: GPL-2.0-or-later
"""One sender in a process of its own: claims until nothing is due, and prints the ids.

Run as `python -m tests.store.worker URL OWNER`.  It waits for a line before its
first claim, and for another one while it holds that.
"""

from __future__ import annotations

import sys

from bot.outgoing import Draft
from bot.settings import StoreSettings
from bot.store import Store
from tests.store.outbox import LEASE, NOW


def begun(store: Store, owner: str) -> Draft | None:
    """Claim, and write down that it leaves now."""
    draft = store.claim(owner, NOW, LEASE)
    if draft:
        store.begin(draft.id, owner, NOW, LEASE)
    return draft


def work(url: str, owner: str) -> None:
    """Claim and finish."""
    with Store.open(StoreSettings(url)) as store:
        print("ready", flush=True)
        sys.stdin.readline()
        draft = begun(store, owner)
        print(draft.id if draft else "nothing", flush=True)
        sys.stdin.readline()
        while draft:
            store.sent(draft.id, owner, NOW, "250 ok", {})
            draft = begun(store, owner)
            if draft:
                print(draft.id, flush=True)


if __name__ == "__main__":
    work(*sys.argv[1:])
