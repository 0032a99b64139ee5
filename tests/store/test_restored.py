# SPDX-License-Identifier: GPL-2.0-or-later
"""After a restore: what has left since is not sent again, whoever knows of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from bot.cli import main
from bot.orders.model import Notice
from bot.outgoing import Envelope, Kind, State
from bot.settings import StoreSettings
from bot.store import Store
from tests.conftest import ROOT
from tests.postgres import PASSWORD, USER, Postgres
from tests.sending import World, state
from tests.store.outbox import LEASE, NOW, claimed, fill

DOCS = ROOT / "docs/store.md"
ENVELOPE = Envelope(
    "notice@localhost", "bot@example.org", ("who@example.org",), b"Subject: x\n\ny\n"
)


def test_a_reply_that_was_sent_after_the_copy_is_not_sent_again(url: str, copy: Path) -> None:
    with Store.open(StoreSettings(url)) as store:
        world = World(store)
        assert main(["store", "backup", str(copy)]) == 0
        assert state(world.run()) is State.SENT
        assert main(["store", "restore", str(copy)]) == 0
        assert world.draft.state is State.SENT
        assert world.run() is None


def test_the_archive_is_asked_where_the_outbox_is_gone(
    url: str, copy: Path, tmp_path: Path
) -> None:
    with Store.open(StoreSettings(url)) as store:
        world = World(store)
        assert main(["store", "backup", str(copy)]) == 0
        assert state(world.run()) is State.SENT
    (tmp_path / "state/outbox.db").unlink()
    assert main(["store", "restore", str(copy)]) == 0
    with Store.open(StoreSettings(url)) as store:
        world.store = store
        assert state(world.run()) is State.APPROVED, "the archive has its time"
        assert world.run() is None
        world.seen(world.envelope.raw)
        assert state(world.after(minutes=16).run()) is State.SENT
    assert len(world.delivered) == 1


def test_what_was_written_and_sent_after_the_copy_is_not_sent_again(url: str, copy: Path) -> None:
    with Store.open(StoreSettings(url)) as store:
        assert main(["store", "backup", str(copy)]) == 0
        fill(store)
        sent, leaving = claimed(store), claimed(store)
        store.sent(sent.id, "one", NOW, "250 ok", {})
        store.begin(leaving.id, "one", NOW, LEASE)
        assert main(["store", "restore", str(copy)]) == 0
        assert [draft.state for draft in store.drafts()] == [State.SENT, State.DISCARDED]
        ids = fill(store)
        assert store.drafts()[0].envelope == sent.envelope
        again = store.claim("two", NOW, LEASE)
        assert again is not None
        assert again.envelope == leaving.envelope
        assert again.state is State.SENDING, "the archive is asked first"
        for one in (sent, again):
            assert store.told(one.id).findings, "its review is known again"
        assert store.claim("three", NOW, LEASE) is None
        assert tuple(draft.id for draft in store.drafts()) == ids


def test_one_that_was_on_its_way_is_asked_for_too(url: str, copy: Path) -> None:
    with Store.open(StoreSettings(url)) as store:
        fill(store)
        one, two = claimed(store), claimed(store)
        store.begin(one.id, "one", NOW, LEASE)
        store.failed(two.id, "one", NOW, "550 no")
        assert main(["store", "backup", str(copy)]) == 0
        assert main(["store", "restore", str(copy)]) == 0
        store.retry(two.id, NOW)
        again = [store.claim("two", NOW + LEASE, LEASE) for _ in range(2)]
        assert [draft and draft.state for draft in again] == [State.SENDING] * 2


def test_what_no_archive_can_tell_of_is_not_sent_twice(
    url: str, copy: Path, tmp_path: Path
) -> None:
    notice = Notice(ENVELOPE, "Re: that", "order@example.org")
    with Store.open(StoreSettings(url)) as store:
        assert store.notify(Kind.ANSWER, [notice], "asked", NOW)
        assert main(["store", "backup", str(copy)]) == 0
        store.sent(claimed(store).id, "one", NOW, "250 ok", {})
        assert main(["store", "restore", str(copy)]) == 0
        assert [draft.state for draft in store.drafts()] == [State.SENT]
    (tmp_path / "state/outbox.db").unlink()
    assert main(["store", "restore", str(copy)]) == 0
    with Store.open(StoreSettings(url)) as store:
        (after,) = store.drafts()
        assert after.state is State.DISCARDED
        assert after.reason == "the store was restored; it may have been sent before"
        assert not store.notify(Kind.ANSWER, [notice], "asked", NOW)


def test_postgresql_as_the_documentation_tells(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    url = postgres.new()
    name = url.rpartition("/")[2]
    monkeypatch.setenv("REVOKEBOT_STORE_URL", url)
    place = {"HOST": "127.0.0.1", "PORT": str(postgres.port), "USER": USER, "PASSWORD": PASSWORD}
    for key, value in place.items():
        monkeypatch.setenv(f"PG{key}", value)
    commands = re.findall(r"(?m)^    (pg_(?:dump|restore) .*)$", DOCS.read_text())
    dump, load = (
        command.replace("revokebot.dump", str(tmp_path / "dump")).replace("revokebot", name).split()
        for command in commands
    )
    with Store.open(StoreSettings(url)) as store:
        world = World(store)
        subprocess.run([postgres.programs / dump[0], *dump[1:]], check=True)
        assert state(world.run()) is State.SENT
        subprocess.run([postgres.programs / load[0], *load[1:]], check=True)
        assert main(["store", "doubt"]) == 0
        assert "replies that had not left, and may have since: 1; the" in capsys.readouterr().out
        world.seen(world.envelope.raw)
        assert state(world.run()) is State.SENT
        assert len(world.delivered) == 1
