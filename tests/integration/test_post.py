# SPDX-License-Identifier: GPL-2.0-or-later
"""From a thread in a real public-inbox to the replies filed in it, by the commands of a person.

The example series is fetched, answered and approved; b4 sends to a real SMTP
server, which files into the same inbox.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bot.outgoing import Action, Judged, Verdict
from bot.settings import StoreSettings
from bot.sources.mbox import read_file
from bot.store import Store
from tests.conftest import ROOT, free_port
from tests.integration.conftest import Inbox
from tests.integration.mails import Note
from tests.integration.postoffice import Address, opened
from tests.integration.replies import reply_to, reviewed

pytestmark = pytest.mark.integration

EXAMPLE = ROOT / "examples/revocable-helper.mbox"
COVER = "20260203-can-revoke-v1-0-2f7c1d@example.org"


class Person:
    """Somebody at a shell with an outbox, an archive and git's sendemail settings."""

    def __init__(self, inbox: Inbox, office: Address, home: Path) -> None:
        self.inbox, self.office = inbox, office
        office.git_config(home / ".gitconfig")
        self.variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(home),
            "REVOKEBOT_ARCHIVE_URL": inbox.url,
            "REVOKEBOT_REPLY_ADDRESS": "bot@example.org",
            "REVOKEBOT_REPLY_OPERATOR": "A U Thor <author@example.org>",
            "REVOKEBOT_STORE_URL": f"sqlite:///{home}/outbox.db",
        }

    def run(self, *words: str, status: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "bot", *words],
            env=self.variables, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
        return done.stdout

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "bot", *words], env=self.variables, cwd=ROOT)

    @property
    def replies(self) -> dict[str, str]:
        """Our mails in the inbox, each with the mail that it answers."""
        view = self.inbox.thread_view(COVER)
        return {msgid: parent for msgid, parent in view if msgid.startswith("revokebot-")}


def revision(number: int) -> list[bytes]:
    """The example as the revision `number`, in a thread of its own, some hours after the one before."""
    date = format_datetime(datetime.now(UTC) - timedelta(hours=24 - 6 * number))
    mails = []
    for raw in read_file(EXAMPLE):
        raw = re.sub(rb"(?m)^Date: .*$", f"Date: {date}".encode(), raw, count=1)
        raw = raw.replace(b"-can-revoke-v1-", b"-can-revoke-v%d-" % number)
        mails.append(raw.replace(b"[PATCH ", b"[PATCH v%d " % number) if number > 1 else raw)
    return mails


@pytest.fixture
def person(own_inbox: Inbox, tmp_path: Path) -> Iterator[Person]:
    own_inbox.add(revision(1))
    with opened(own_inbox) as office:
        yield Person(own_inbox, office, tmp_path)


def test_nothing_leaves_until_a_person_approves_it(person: Person) -> None:
    assert "# draft: " in person.run("reply", COVER)
    drafted = person.run("reply", COVER, "--draft")
    numbers = re.findall(r"^(\d+) draft:", drafted, re.MULTILINE)
    assert numbers
    person.run("queue", "send")
    assert person.replies == {}
    person.run("queue", "approve", *numbers)
    sent = person.run("queue", "send")
    assert sent.count(" sent ") == len(numbers)
    assert len(person.replies) == len(numbers)
    assert set(person.office.office.deliveries.values()) == {1}


def test_sending_again_sends_nothing(person: Person) -> None:
    person.run("reply", COVER, "--send")
    first = person.replies
    assert first
    person.run("reply", COVER, "--send")
    person.run("queue", "send")
    assert person.replies == first
    assert set(person.office.office.deliveries.values()) == {1}


def test_a_revision_in_a_thread_of_its_own_hears_of_the_first_mails(person: Person) -> None:
    person.run("reply", COVER, "--send")
    first = person.replies
    person.inbox.add(revision(2))
    second = COVER.replace("-v1-", "-v2-")
    (number,) = re.findall(r"^(\d+) approved:", person.run("reply", second, "--send"), re.MULTILINE)
    text = person.run("queue", "show", number)
    assert "state:      sent" in text
    assert set(re.findall(r"^This still stands: .*/(\S+)$", text, re.MULTILINE)) == set(first)


def test_a_lost_outbox_repeats_nothing(person: Person) -> None:
    person.run("reply", COVER, "--send")
    first = person.replies
    Path(person.variables["HOME"], "outbox.db").unlink()
    person.inbox.add(revision(2))
    shown = person.run("reply", COVER.replace("-v1-", "-v2-"))
    assert set(re.findall(r"^This still stands: .*/(\S+)$", shown, re.MULTILINE)) == set(first)


def test_a_no_in_the_thread_before_holds_for_the_next_revision(person: Person) -> None:
    person.run("reply", COVER, "--send")
    for number, msgid in enumerate(person.replies):
        answer = Note(f"no-{number}@example.org", "Re: that", "No, this is meant so.\n", msgid)
        person.inbox.inject(answer.raw())
    person.inbox.add(revision(2))
    shown = person.run("reply", COVER.replace("-v1-", "-v2-"))
    assert "# nothing to say of " in shown
    assert "answered by" in shown


def test_without_an_address_of_its_own_nothing_is_sent(person: Person) -> None:
    del person.variables["REVOKEBOT_REPLY_ADDRESS"]
    person.run("reply", COVER, "--send", status=2)
    assert person.office.office.deliveries == {}


def test_the_switch_stops_everything_at_once(person: Person) -> None:
    person.run("queue", "stop", "a maintainer asked")
    person.run("reply", COVER, "--send")
    assert person.office.office.deliveries == {}
    assert "nothing is sent, all is stopped: a maintainer asked" in person.run("queue", "send")
    assert "a maintainer asked" in person.run("queue")
    person.run("queue", "start")
    assert " sent " in person.run("queue", "send")


def test_people_have_the_word_first(person: Person) -> None:
    person.variables |= {
        "REVOKEBOT_POLICY_POST": "send",
        "REVOKEBOT_POLICY_LISTS": "dma-buf.lists.example.org",
    }
    drafted = person.run("reply", COVER, "--draft")
    assert len(re.findall(r"^\d+ approved: allowed on ", drafted, re.MULTILINE)) == 2
    patch = next(raw for raw in read_file(EXAMPLE) if b"Subject: [PATCH 1/2]" in raw).decode()
    lines = re.findall(r"^\+[^+].*$", patch, re.MULTILINE)
    words = "\n\nDoes this hold when the exporter goes away?\n\n"
    body = "".join(f"> {line}{words}" for line in lines)
    parent = COVER.replace("-v1-0-", "-v1-1-")
    person.inbox.inject(Note("remark@example.org", "Re: [PATCH 1/2] x", body, parent).raw())
    told = person.run("queue", "send")
    assert re.search(r"^ *1 discarded +said meanwhile: .* in <remark@example.org>", told)
    assert re.search(r"^ *2 sent ", told, re.MULTILINE)
    assert list(person.replies.values()) == [COVER.replace("-v1-0-", "-v1-2-")]


def test_a_dead_archive_is_told_and_parks_nothing(person: Person) -> None:
    person.variables["REVOKEBOT_ARCHIVE_RETRIES"] = "0"
    drafted = person.run("reply", COVER, "--draft")
    numbers = re.findall(r"^(\d+) draft:", drafted, re.MULTILINE)
    person.run("queue", "approve", *numbers)
    person.inbox.stop()
    told = person.run("queue", "send", status=3)
    assert told.count("the archive could not be asked") == len(numbers)
    assert person.run("queue", "list").count(" approved ") == len(numbers)
    assert person.office.office.deliveries == {}


def test_a_mail_server_that_is_not_there_is_told(person: Person) -> None:
    drafted = person.run("reply", COVER, "--draft")
    numbers = re.findall(r"^(\d+) draft:", drafted, re.MULTILINE)
    person.run("queue", "approve", *numbers)
    Address(person.office.office, free_port()).git_config(
        Path(person.variables["HOME"]) / ".gitconfig"
    )
    told = person.run("queue", "send", status=3)
    assert told.count(": Connection refused") == len(numbers)
    assert person.run("queue").count(" approved ") == len(numbers)


def test_a_server_that_takes_nothing_is_not_offered_everything(person: Person) -> None:
    done, parents = reviewed(person.inbox)
    judged = [
        Judged(*reply_to(parent, number), Verdict(Action.DRAFT, "for a person"))
        for number, parent in enumerate(parents[:5])
    ]
    with Store.open(StoreSettings(person.variables["REVOKEBOT_STORE_URL"])) as store:
        numbers = store.record(done, (), judged, datetime.now(UTC))
    person.run("queue", "approve", *map(str, numbers))
    Address(person.office.office, free_port()).git_config(
        Path(person.variables["HOME"]) / ".gitconfig"
    )
    assert person.run("queue", "send", status=3).count(": Connection refused") == 3
    person.office.git_config(Path(person.variables["HOME"]) / ".gitconfig")
    assert person.run("queue", "send").count(" sent ") == 2


def test_a_sender_that_is_terminated_gives_its_reply_back(person: Person) -> None:
    person.variables["REVOKEBOT_DELIVERY_SETTLE"] = "0.001"
    drafted = person.run("reply", COVER, "--draft")
    numbers = re.findall(r"^(\d+) draft:", drafted, re.MULTILINE)
    person.run("queue", "approve", *numbers)
    home = Path(person.variables["HOME"])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        Address(person.office.office, silent.getsockname()[1]).git_config(home / ".gitconfig")
        with person.start("queue", "send") as sender:
            connection, _ = silent.accept()
            sender.terminate()
            assert sender.wait(60) == 128 + signal.SIGTERM
            connection.close()
    listed = person.run("queue", "list")
    assert len(re.findall(r"^ *\d+ approved ", listed, re.MULTILINE)) == len(numbers)
    assert listed.count("broke off while sending (its sender was stopped)") == 1
    person.office.git_config(home / ".gitconfig")
    person.run("queue", "send")  # asks for the one that broke off, and lets it wait
    person.run("queue", "send")
    assert len(person.replies) == len(numbers)
    assert set(person.office.office.deliveries.values()) == {1}
