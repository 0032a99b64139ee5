# SPDX-License-Identifier: GPL-2.0-or-later
"""The example series in several revisions, each alone in an mbox, and an outbox that remembers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bot.cli import main
from bot.outgoing import Draft, State
from bot.settings import StoreSettings
from bot.sources.mbox import as_mboxrd, read_file
from bot.store import Store
from tests.conftest import ROOT
from tests.store.outbox import LEASE

__all__ = ["EXPORTED", "FIXED", "Operator"]

EXAMPLE = ROOT / "examples/revocable-helper.mbox"
EXPORTED = b"+EXPORT_SYMBOL_GPL(dma_buf_revoke_and_wait);\n"
FIXED = b'+EXPORT_SYMBOL_NS_GPL(dma_buf_revoke_and_wait, "DMA_BUF");\n'


class Operator:
    """Somebody at a shell with an outbox, who answers one revision after the other."""

    def __init__(self, folder: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.settings = folder, StoreSettings(url)
        folder.mkdir(exist_ok=True)
        self.now = datetime.now(UTC)
        for key, value in {
            "STORE_URL": url,
            "REPLY_ADDRESS": "bot@example.org",
            "REPLY_OPERATOR": "the example team",
        }.items():
            monkeypatch.setenv(f"REVOKEBOT_{key}", value)

    def mails(self, revision: int, edit: tuple[bytes, bytes] = (b"", b"")) -> list[bytes]:
        """The mails of a revision, sent a day after the one before, with `edit` made to them."""
        date = self.now - timedelta(days=10 - revision)
        mails = []
        for raw in read_file(EXAMPLE):
            raw = re.sub(rb"(?m)^Date: .*$", f"Date: {format_datetime(date)}".encode(), raw)
            raw = raw.replace(b"-can-revoke-v1-", b"-can-revoke-v%d-" % revision)
            if revision > 1:
                raw = raw.replace(b"[PATCH ", b"[PATCH v%d " % revision)
            mails.append(raw.replace(*edit) if edit[0] else raw)
        return mails

    def mbox(self, *raws: bytes) -> str:
        """A file with these mails."""
        path = self.folder / f"{len(list(self.folder.glob('*.mbox')))}.mbox"
        path.write_bytes(b"".join(map(as_mboxrd, raws)))
        return str(path)

    def draft(self, *raws: bytes, status: int = 0) -> list[Draft]:
        """Run `revokebot reply --draft`; return the drafts that are there then."""
        assert main(["reply", "--draft", self.mbox(*raws)]) == status
        return self.drafts()

    def drafts(self, *states: State) -> list[Draft]:
        with Store.open(self.settings) as store:
            return store.drafts(states or (State.DRAFT,))

    def send(self) -> list[Draft]:
        """Send all drafts, as far as the outbox knows; no archive shows them."""
        sent = []
        with Store.open(self.settings) as store:
            for one in store.drafts((State.DRAFT,)):
                store.approve(one.id, self.now)
            while (one := store.claim("one", self.now, LEASE)) is not None:  # type: ignore[assignment]
                store.sent(one.id, "one", self.now, "250 ok", {})
                sent.append(one)
        return sent
