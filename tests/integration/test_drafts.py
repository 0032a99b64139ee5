# SPDX-License-Identifier: GPL-2.0-or-later
"""From a thread in a real public-inbox to drafts that a mail program shows, each of them once.

The IMAP server is a real Dovecot.  Nothing is sent: the archive never has a
draft, so one whose sender died is found where it was put.
"""

from __future__ import annotations

import mailbox
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bot.config import load
from bot.delivery import deliver
from bot.outgoing import Draft, Result, State
from bot.sending import sender_of
from bot.sources.mbox import read_file
from bot.store import Store
from tests.conftest import ROOT
from tests.delivery.dovecot import PASSWORD, Dovecot, Wire, running
from tests.integration.conftest import Inbox

pytestmark = pytest.mark.integration

EXAMPLE = ROOT / "examples/revocable-helper.mbox"
COVER = "20260203-can-revoke-v1-0-2f7c1d@example.org"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running() as server:
        yield server


class Person:
    """Somebody at a shell with an outbox, an archive and a place for drafts."""

    def __init__(self, archive: str, home: Path, dovecot: Dovecot, via: str) -> None:
        self.dovecot, self.via, self.user = dovecot, via, f"{via}-{home.name}"
        self.place = home / "drafts"
        dovecot.create(self.user, "Drafts")
        (home / "password").write_text(f"{PASSWORD}\n")
        self.variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "REVOKEBOT_ARCHIVE_URL": archive,
            "REVOKEBOT_REPLY_ADDRESS": "bot@example.org",
            "REVOKEBOT_REPLY_OPERATOR": "A U Thor <author@example.org>",
            "REVOKEBOT_STORE_URL": f"sqlite:///{home}/outbox.db",
            "REVOKEBOT_DELIVERY_VIA": via,
            "REVOKEBOT_DELIVERY_PATH": str(self.place),
            "REVOKEBOT_DELIVERY_PASSWORD_FILE": str(home / "password"),
            "REVOKEBOT_DELIVERY_CA_FILE": str(dovecot.pem),
        }
        self.reach(dovecot.port)

    def reach(self, port: int) -> None:
        url = f"imap://{self.user}@127.0.0.1:{port}/Drafts"
        self.variables["REVOKEBOT_DELIVERY_IMAP_URL"] = url

    def start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "bot", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=self.variables, cwd=ROOT, stdout=pipe, stderr=pipe, text=True
        )

    def run(self, *words: str) -> str:
        with self.start(*words) as process:
            out, error = process.communicate()
        assert process.returncode == 0, error
        return out

    def approve_one(self) -> None:
        """Draft all replies, and let the first of them go."""
        found = re.search(r"^(\d+) draft:", self.run("reply", COVER, "--draft"), re.MULTILINE)
        assert found
        self.run("queue", "approve", found[1])

    @contextmanager
    def store(self) -> Iterator[Store]:
        with Store.open(load(environ=self.variables).store) as store:
            yield store

    @property
    def msgids(self) -> list[str]:
        """Of the drafts, read as a mail program reads them."""
        if self.via == "mbox":
            return _msgids(mailbox.mbox(self.place))
        if self.via == "imap":
            return _msgids(self.dovecot.box(self.user))
        return _msgids(mailbox.Maildir(self.place, create=False))

    def send_later(self, **wait: float) -> Draft | None:
        """Let a sender deal with what is due then."""
        settings = load(environ=self.variables)
        with self.store() as store:
            sender = sender_of(settings, store)
            ran = sender._replace(clock=lambda: datetime.now(UTC) + timedelta(**wait)).run_once()
            return None if ran is None else ran.draft


def _msgids(box: mailbox.Mailbox[mailbox.Message]) -> list[str]:
    try:
        return sorted(str(message["Message-ID"]).strip("<>") for message in box)
    finally:
        box.close()


@pytest.fixture(params=["imap", "maildir", "mbox"])
def person(
    own_inbox: Inbox, tmp_path: Path, dovecot: Dovecot, request: pytest.FixtureRequest
) -> Person:
    recent = f"Date: {format_datetime(datetime.now(UTC) - timedelta(days=1))}".encode()
    mails = [re.sub(rb"(?m)^Date: .*$", recent, raw, count=1) for raw in read_file(EXAMPLE)]
    own_inbox.add(mails)
    return Person(own_inbox.url, tmp_path, dovecot, request.param)


def test_all_replies_become_drafts_once(person: Person) -> None:
    said = person.run("reply", COVER, "--send")
    with person.store() as store:
        kept = {draft.envelope.msgid: draft.state for draft in store.drafts()}
    assert kept
    assert set(kept.values()) == {State.SENT}
    assert said.count(" draft in ") == len(kept)
    assert person.msgids == sorted(kept)
    person.run("reply", COVER, "--send")
    person.run("queue", "send")
    assert person.msgids == sorted(kept)


def test_one_whose_sender_died_after_it_is_not_put_there_twice(person: Person) -> None:
    person.approve_one()
    settings = load(environ=person.variables).delivery
    lease = timedelta(seconds=settings.lease)
    with person.store() as store:
        draft = store.claim("dead", datetime.now(UTC), lease)
        assert draft is not None
        store.begin(draft.id, "dead", datetime.now(UTC), lease)
        assert deliver(draft.envelope, settings).result is Result.SENT
    _is_found(person)


@pytest.mark.parametrize("person", ["imap"], indirect=True)
@pytest.mark.parametrize("killed", [True, False])
def test_an_answer_that_nobody_hears(person: Person, dovecot: Dovecot, killed: bool) -> None:
    """The server has the mail, and says so to a sender that was just killed, or into a cut wire."""
    person.approve_one()
    victim: list[subprocess.Popen[str]] = []

    def cut() -> str:
        if killed:
            victim[0].kill()
            victim[0].wait()
        return "drop"

    with Wire(dovecot, "Append completed", cut) as wire:
        person.reach(wire.port)
        with person.start("queue", "send") as process:
            victim.append(process)
            out, _error = process.communicate()
    assert (process.returncode, "without an answer" in out) == (
        (-9, False) if killed else (3, True)
    )
    person.reach(dovecot.port)
    if killed:
        _is_found(person)
    else:
        assert person.send_later(seconds=10) is None, "it must wait"
        _is_sent(person.send_later(minutes=16))
        assert len(person.msgids) == 1


def _is_found(person: Person) -> None:
    """After the lease, the archive's time and another look the draft is there, and once."""
    assert len(person.msgids) == 1
    assert person.send_later(seconds=10) is None, "its lease is not over"
    waiting = person.send_later(minutes=6)
    assert waiting is not None
    assert waiting.state is State.APPROVED
    _is_sent(person.send_later(minutes=6 + 16))
    assert person.msgids == [waiting.envelope.msgid]


def _is_sent(draft: Draft | None) -> None:
    assert draft is not None
    assert draft.state is State.SENT
    assert "already" in draft.reason
