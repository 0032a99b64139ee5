# SPDX-License-Identifier: GPL-2.0-or-later
"""Folders on real IMAP servers: each mail once, in order, as it was sent, and told when it comes."""

from __future__ import annotations

import imaplib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.config import Settings
from bot.errors import ArchiveError, UsageError
from bot.inboxes.imap import ImapInbox
from bot.settings import DeliverySettings, WatchSettings
from bot.sources.mail import MAIL_CAP
from tests.delivery import dovecot as dovecots
from tests.delivery.dovecot import PASSWORD, Dovecot
from tests.delivery.tls import certificate
from tests.inboxes.looking import look
from tests.inboxes.netd import TRICKY, Netd, mail, running

pytestmark = pytest.mark.integration

FOLDER = "Gr\u00fcn & Bl\u00e4u"


@pytest.fixture
def netd() -> Iterator[Netd]:
    """A mirror with an empty inbox."""
    with running() as netd:
        yield netd


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecots.running() as server:
        yield server


@pytest.fixture
def user(server: Dovecot) -> str:
    """Somebody with an empty folder."""
    user = f"user{time.monotonic_ns()}"
    server.create(user, FOLDER)
    return user


def settings(pem: Path, backlog: int = 0) -> Settings:
    file = pem.with_name("password")
    file.write_text(f"{PASSWORD}\n")
    return Settings(
        watch=WatchSettings(backlog=backlog, password_file=file),
        delivery=DeliverySettings(ca_file=pem),
    )


def url(server: Dovecot, user: str, scheme: str = "imap") -> str:
    port = server.tls_port if scheme == "imaps" else server.port
    return f"{scheme}://{user}@127.0.0.1:{port}/Gr%C3%BCn%20%26%20Bl%C3%A4u"


@pytest.fixture
def mirror(netd: Netd) -> Iterator[ImapInbox]:
    inbox = ImapInbox(netd.url("imap"), settings(netd.pem))
    yield inbox
    inbox.close()


@pytest.fixture
def mailbox(server: Dovecot, user: str) -> Iterator[ImapInbox]:
    inbox = ImapInbox(url(server, user), settings(server.pem))
    yield inbox
    inbox.close()


def put(server: Dovecot, user: str, *mails: bytes) -> None:
    """Have mail come in."""
    with imaplib.IMAP4("127.0.0.1", server.port) as box:
        box.login(user, PASSWORD)
        for raw in mails:
            assert box.append('"Gr&APw-n &- Bl&AOQ-u"', None, None, raw)[0] == "OK"


def test_each_mail_of_a_mirror_comes_once_and_in_order(netd: Netd, mirror: ImapInbox) -> None:
    found, cursor = look(mirror, "")
    assert found == []
    netd.add([mail(1), mail(2)])
    found, cursor = look(mirror, cursor)
    assert found == [mail(1), mail(2)]
    assert look(mirror, cursor) == ([], cursor)
    netd.add([mail(3)])
    assert look(mirror, cursor)[0] == [mail(3)]


def test_each_mail_of_a_mailbox_comes_once_and_in_order(
    server: Dovecot, user: str, mailbox: ImapInbox
) -> None:
    found, cursor = look(mailbox, "")
    assert found == []
    put(server, user, mail(1), mail(2))
    found, cursor = look(mailbox, cursor)
    assert found == [mail(1), mail(2)]
    assert look(mailbox, cursor) == ([], cursor)
    put(server, user, mail(3))
    assert look(mailbox, cursor)[0] == [mail(3)]


def test_nothing_is_changed_in_the_mailbox(server: Dovecot, user: str, mailbox: ImapInbox) -> None:
    put(server, user, mail(1))
    before = server.fetch(user, "uid flags", FOLDER)
    cursor = look(mailbox, "")[1]
    put(server, user, mail(2))
    look(mailbox, cursor)
    after = server.fetch(user, "uid flags", FOLDER)
    assert after.startswith(before)
    assert "Seen" not in after


@pytest.mark.parametrize("backlog", [0, 2, 9])
def test_the_first_look_gives_the_backlog(server: Dovecot, user: str, backlog: int) -> None:
    mails = [mail(number) for number in range(4)]
    put(server, user, *mails)
    inbox = ImapInbox(url(server, user), settings(server.pem, backlog))
    found, cursor = look(inbox, "")
    assert found == mails[4 - min(backlog, 4) :]
    assert look(inbox, cursor) == ([], cursor)
    inbox.close()


def test_a_catch_up_comes_in_parts_that_can_be_stored(netd: Netd, mirror: ImapInbox) -> None:
    cursor = look(mirror, "")[1]
    mails = [mail(number) for number in range(450)]
    netd.add(mails)
    batches = mirror.batches(cursor)
    first = next(batches)
    netd.kill()
    with pytest.raises(
        ArchiveError, match=r"cannot be reached \(Connection refused\); check watch"
    ):
        next(batches)
    netd.start()
    rest = list(mirror.batches(first.cursor))
    assert [len(batch.mails) for batch in (first, *rest)] == [200, 200, 50]
    assert [raw for batch in (first, *rest) for raw in batch.mails] == mails


def test_large_mails_come_in_batches_of_their_own_and_are_cut(
    server: Dovecot, user: str, mailbox: ImapInbox
) -> None:
    cursor = look(mailbox, "")[1]
    large = [mail(number, "\n" * (MAIL_CAP + number)) for number in range(3)]
    put(server, user, *large, mail(3))
    batches = list(mailbox.batches(cursor))
    assert [len(batch.mails) for batch in batches] == [2, 2]
    *cut, last = (raw for batch in batches for raw in batch.mails)
    assert cut == [raw[: MAIL_CAP + 1] for raw in large]
    assert last == mail(3)


def test_mails_come_as_they_were_sent(netd: Netd, mirror: ImapInbox) -> None:
    cursor = look(mirror, "")[1]
    sent = [*TRICKY, mail(20, ""), b"Path: mine\nXref: mine\n" + mail(21)]
    netd.add(sent)
    assert look(mirror, cursor)[0] == sent


def test_a_mail_that_was_deleted_meanwhile_is_left_out(
    server: Dovecot, user: str, mailbox: ImapInbox
) -> None:
    cursor = look(mailbox, "")[1]
    put(server, user, *(mail(number) for number in range(300)))
    batches = mailbox.batches(cursor)
    found = list(next(batches).mails)
    with imaplib.IMAP4("127.0.0.1", server.port) as box:
        box.login(user, PASSWORD)
        box.select('"Gr&APw-n &- Bl&AOQ-u"')
        box.store("250:260", "+FLAGS", r"\Deleted")
        box.expunge()
    found += [raw for batch in batches for raw in batch.mails]
    assert found == [mail(number) for number in range(300) if not 249 <= number < 260]


def test_a_folder_that_was_made_anew_is_read_again(
    server: Dovecot, user: str, mailbox: ImapInbox
) -> None:
    put(server, user, mail(1), mail(2), mail(3))
    cursor = look(mailbox, "")[1]
    with imaplib.IMAP4("127.0.0.1", server.port) as box:
        box.login(user, PASSWORD)
        assert box.delete('"Gr&APw-n &- Bl&AOQ-u"')[0] == "OK"
    time.sleep(1.1)  # UIDVALIDITY is a time in seconds
    server.create(user, FOLDER)
    found, after = look(mailbox, cursor)
    assert found == []
    assert after.split()[0] != cursor.split()[0]
    put(server, user, mail(1))
    assert look(mailbox, cursor)[0] == [mail(1)]
    assert look(mailbox, after)[0] == [mail(1)]


@pytest.mark.parametrize("backlog", [0, 3])
def test_a_list_goes_on_in_the_next_slice(netd: Netd, backlog: int) -> None:
    netd.add([mail(1)])
    with sqlite3.connect(netd.folder / "i0/msgmap.sqlite3") as numbers:
        numbers.execute("UPDATE sqlite_sequence SET seq = 49998")
    numbers.close()
    netd.add([mail(2)])
    inbox = ImapInbox(netd.url("imap"), settings(netd.pem, backlog))
    found, cursor = look(inbox, "")
    assert cursor.endswith(" 49999")
    assert found == [mail(2)] * bool(backlog)
    netd.add([mail(3), mail(4), mail(5)])
    found, cursor = look(inbox, cursor)
    assert found == [mail(3), mail(4), mail(5)]
    assert cursor.endswith(" 50002")
    netd.add([mail(6)])
    assert look(inbox, cursor)[0] == [mail(6)]
    inbox.close()
    inbox = ImapInbox(netd.url("imap").removesuffix(".0"), settings(netd.pem, backlog=4))
    assert look(inbox, "")[0] == [mail(3), mail(4), mail(5), mail(6)]
    # A list that was made anew may have fewer slices than the cursor.
    assert look(inbox, "1 150000")[0][-1] == mail(6)
    inbox.close()


def test_mail_in_a_mirror_is_told(netd: Netd, mirror: ImapInbox) -> None:
    cursor = look(mirror, "")[1]
    timer = threading.Timer(0.3, netd.add, [[mail(1)]])
    timer.start()
    mirror.wait(60, threading.Event())
    timer.join()
    assert look(mirror, cursor)[0] == [mail(1)]


def test_mail_in_a_mailbox_is_told(server: Dovecot, user: str, mailbox: ImapInbox) -> None:
    cursor = look(mailbox, "")[1]
    timer = threading.Timer(0.3, put, [server, user, mail(1)])
    timer.start()
    mailbox.wait(60, threading.Event())
    timer.join()
    found, cursor = look(mailbox, cursor)
    assert found == [mail(1)]
    put(server, user, mail(2))
    mailbox.wait(60, threading.Event())  # it came between the look and the wait
    assert look(mailbox, cursor)[0] == [mail(2)]


def test_the_wait_ends_when_it_is_told_to(mailbox: ImapInbox) -> None:
    look(mailbox, "")
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    mailbox.wait(60, stop)
    assert stop.is_set()
    mailbox.wait(0.05, threading.Event())
    look(mailbox, "")
    threading.Timer(0.2, mailbox.close).start()
    mailbox.wait(60, threading.Event())
    with pytest.raises(ArchiveError, match="the inbox was closed"):
        look(mailbox, "")


def test_a_session_that_the_server_closed_is_opened_again(
    server: Dovecot, user: str, mailbox: ImapInbox
) -> None:
    cursor = look(mailbox, "")[1]
    server.kick(user)
    put(server, user, mail(1))
    mailbox.wait(0.3, threading.Event())
    assert look(mailbox, cursor)[0] == [mail(1)]
    server.kick(user)
    assert look(mailbox, cursor)[0] == [mail(1)]


@pytest.mark.parametrize("scheme", ["imap", "imaps"])
def test_tls_is_verified(server: Dovecot, user: str, tmp_path: Path, scheme: str) -> None:
    put(server, user, mail(1))
    inbox = ImapInbox(url(server, user, scheme), settings(server.pem, backlog=1))
    assert look(inbox, "")[0] == [mail(1)]
    inbox.close()
    other, _context = certificate(tmp_path, "127.0.0.1")
    inbox = ImapInbox(url(server, user, scheme), settings(other))
    with pytest.raises(ArchiveError, match=r"TLS failed \(self.signed certificate\); .*ca_file"):
        look(inbox, "")
    inbox.close()
    stranger = url(server, user, scheme).replace("127.0.0.1", "localhost")
    inbox = ImapInbox(stranger, settings(server.pem))
    with pytest.raises(ArchiveError, match=r"TLS failed .*localhost"):
        look(inbox, "")
    inbox.close()


@pytest.mark.parametrize("protocol", ["imap", "imaps"])
def test_a_mirror_needs_no_password(netd: Netd, protocol: str) -> None:
    netd.add([mail(1)])
    anonymous = Settings(
        delivery=DeliverySettings(ca_file=netd.pem), watch=WatchSettings(backlog=1)
    )
    inbox = ImapInbox(netd.url(protocol), anonymous)
    assert look(inbox, "")[0] == [mail(1)]
    inbox.close()


def test_the_password_of_a_credential_helper(
    server: Dovecot, user: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".gitconfig").write_text(
        f'[credential]\n\thelper = "!echo password={PASSWORD}; true"\n'
    )
    inbox = ImapInbox(url(server, user), Settings(delivery=DeliverySettings(ca_file=server.pem)))
    assert look(inbox, "")[0] == []
    inbox.close()


def test_who_cannot_log_in_is_told_what_to_do(server: Dovecot, user: str) -> None:
    plain = Settings(delivery=DeliverySettings(ca_file=server.pem))
    inbox = ImapInbox(url(server, user), plain)
    with pytest.raises(ArchiveError, match=r"no password; set watch\.password_file, or use `git"):
        look(inbox, "")
    inbox.close()
    wrong = settings(server.pem)
    assert wrong.watch.password_file is not None
    wrong.watch.password_file.write_text("wrong\n")
    inbox = ImapInbox(url(server, user), wrong)
    with pytest.raises(ArchiveError, match=r"login refused: .*; check the user and the password"):
        look(inbox, "")
    inbox.close()


def test_a_folder_that_is_not_there(server: Dovecot, user: str) -> None:
    missing = url(server, user).rpartition("/")[0] + "/None"
    inbox = ImapInbox(missing, settings(server.pem))
    with pytest.raises(
        ArchiveError, match="the folders that there are: Gr\u00fcn & Bl\u00e4u, INBOX"
    ):
        look(inbox, "")
    inbox.close()


def test_a_url_that_is_no_folder() -> None:
    with pytest.raises(UsageError, match=r"watch\.inboxes: user, host or folder is missing; give"):
        ImapInbox("imaps://127.0.0.1/INBOX", Settings())
    with pytest.raises(UsageError, match=r"and set watch\.password_file or store it") as caught:
        ImapInbox("imaps://me:secret@127.0.0.1/INBOX", Settings())
    assert "secret" not in str(caught.value)
