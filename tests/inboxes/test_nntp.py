# SPDX-License-Identifier: GPL-2.0-or-later
"""Groups of a real news server, public-inbox's: each mail once, in order, and as it was sent."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.mails import mails
from bot.config import Settings
from bot.errors import ArchiveError, UsageError
from bot.inboxes.nntp import NntpInbox
from bot.settings import DeliverySettings, WatchSettings
from tests.conftest import ARCHIVE
from tests.delivery.tls import certificate
from tests.inboxes.looking import look
from tests.inboxes.netd import TRICKY, Netd, mail, running

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def model() -> Iterator[Netd]:
    """A server with 450 mails in one inbox and none in the other."""
    with running(2) as netd:
        netd.add(mail(number) for number in range(450))
        yield netd


@pytest.fixture
def netd() -> Iterator[Netd]:
    """A server for one test, with an empty inbox."""
    with running() as netd:
        yield netd


def settings(netd: Netd, backlog: int = 0) -> Settings:
    return Settings(
        watch=WatchSettings(backlog=backlog), delivery=DeliverySettings(ca_file=netd.pem)
    )


@pytest.fixture
def inbox(netd: Netd) -> Iterator[NntpInbox]:
    inbox = NntpInbox(netd.url("nntp"), settings(netd))
    yield inbox
    inbox.close()


def test_each_mail_comes_once_and_in_order(netd: Netd, inbox: NntpInbox) -> None:
    found, cursor = look(inbox, "")
    assert (found, cursor) == ([], "0")
    netd.add([mail(1), mail(2)])
    found, cursor = look(inbox, cursor)
    assert found == [mail(1), mail(2)]
    assert look(inbox, cursor) == ([], cursor)
    netd.add([mail(3)])
    assert look(inbox, cursor)[0] == [mail(3)]


@pytest.mark.parametrize(("backlog", "expected"), [(0, []), (2, [448, 449]), (900, range(450))])
def test_the_first_look_gives_the_backlog(model: Netd, backlog: int, expected: range) -> None:
    inbox = NntpInbox(model.url("nntp"), settings(model, backlog))
    found, cursor = look(inbox, "")
    assert found == [mail(number) for number in expected]
    assert cursor == "450 449@example.org"
    assert look(inbox, cursor) == ([], cursor)
    inbox.close()


def test_the_first_look_at_an_empty_inbox_leads_somewhere(model: Netd) -> None:
    inbox = NntpInbox(model.url("nntp", 1), settings(model, backlog=3))
    assert list(inbox.batches("")) == [((), "0")]
    inbox.close()


def test_a_catch_up_comes_in_parts_that_can_be_stored(model: Netd) -> None:
    inbox = NntpInbox(model.url("nntp"), settings(model))
    batches = list(inbox.batches("0"))
    assert [len(batch.mails) for batch in batches] == [200, 200, 50]
    assert look(inbox, batches[1].cursor)[0] == list(batches[2].mails)
    inbox.close()


def test_what_the_server_did_to_a_mail_is_undone(netd: Netd, inbox: NntpInbox) -> None:
    netd.add(TRICKY)
    found, _cursor = look(inbox, "0")
    assert found == [raw if raw.endswith(b"\n") else raw + b"\n" for raw in TRICKY]


def test_what_the_server_does_to_a_mail_that_cannot_be_undone(netd: Netd, inbox: NntpInbox) -> None:
    """Most of it is the same in the canonical forms of DKIM (RFC 6376 3.4)."""
    folded = mail(1).replace(b"Message-ID: ", b"Message-ID:\n ")
    news = b"Newsgroups: other.group\n" + mail(3)
    netd.add([folded, mail(2, "a line\r\n"), news, mail(4, "")])
    assert look(inbox, "0")[0] == [mail(1), mail(2, "a line\n"), mail(3), mail(4, "\n")]


@pytest.mark.corpus
def test_list_mail_comes_as_it_was_sent(netd: Netd, inbox: NntpInbox, corpus: Path) -> None:
    chosen = random.Random(1).sample(list(mails(corpus / ARCHIVE)), 600)
    netd.add(chosen)
    found = Counter(look(inbox, "0")[0])
    unfolded = (raw.replace(b"\nMessage-ID: \n <", b"\nMessage-ID: <") for raw in chosen)
    # Of mails that are the same but for what the list put into them it keeps one.
    lost = found - Counter(unfolded)
    assert not lost
    assert 590 <= found.total() <= 600


def test_an_outage_in_the_middle_loses_and_repeats_nothing(netd: Netd, inbox: NntpInbox) -> None:
    expected = [mail(number) for number in range(450)]
    netd.add(expected)
    batches = inbox.batches("0")
    first = next(batches)
    netd.kill()
    with pytest.raises(ArchiveError, match=r"cannot be reached .Connection refused.; check watch"):
        next(batches)
    netd.start()
    assert [*first.mails, *look(inbox, first.cursor)[0]] == expected


def test_a_connection_that_the_server_closed_is_opened_again(netd: Netd, inbox: NntpInbox) -> None:
    cursor = look(inbox, "")[1]
    netd.kill()
    netd.start()
    netd.add([mail(1)])
    assert look(inbox, cursor)[0] == [mail(1)]


def test_the_last_mail_taken_away_as_spam_brings_nothing_again(
    netd: Netd, inbox: NntpInbox
) -> None:
    netd.add([mail(1), mail(2), mail(3)])
    cursor = look(inbox, "0")[1]
    netd.remove(mail(3))
    assert look(inbox, "0")[0] == [mail(1), mail(2)]
    found, after = look(inbox, cursor)
    # Who knows mails by their Message-ID loses nothing by seeing some again.
    assert set(found) <= {mail(1), mail(2)}
    netd.add([mail(4)])
    assert mail(4) in look(inbox, after)[0]


def test_an_inbox_that_was_made_anew_is_gone_on_with(netd: Netd, inbox: NntpInbox) -> None:
    cursor = "7 2@example.org"
    netd.add([mail(1), mail(2), mail(3)])
    assert look(inbox, cursor) == ([mail(3)], "3 3@example.org")
    assert look(inbox, "2 1@example.org") == ([mail(2), mail(3)], "3 3@example.org")
    assert look(inbox, "7 gone@example.org") == ([mail(1), mail(2), mail(3)], "3 3@example.org")


def test_tls_is_verified(netd: Netd, tmp_path: Path) -> None:
    netd.add([mail(1)])
    inbox = NntpInbox(netd.url("nntps"), settings(netd))
    assert look(inbox, "0")[0] == [mail(1)]
    inbox.close()
    other, _context = certificate(tmp_path, "127.0.0.1")
    stranger = Settings(delivery=DeliverySettings(ca_file=other))
    inbox = NntpInbox(netd.url("nntps"), stranger)
    with pytest.raises(ArchiveError, match=r"TLS failed .self.signed certificate.; .*ca_file"):
        look(inbox, "0")
    inbox.close()
    inbox = NntpInbox(netd.url("nntps").replace("127.0.0.1", "localhost"), settings(netd))
    with pytest.raises(ArchiveError, match=r"TLS failed .*localhost"):
        look(inbox, "0")
    inbox.close()
    missing = Settings(delivery=DeliverySettings(ca_file=tmp_path / "none.pem"))
    inbox = NntpInbox(netd.url("nntps"), missing)
    with pytest.raises(ArchiveError, match=r"none.pem: No such file .*; mend delivery.ca_file"):
        look(inbox, "0")
    inbox.close()


def test_the_wait_ends_when_it_is_told_to(inbox: NntpInbox) -> None:
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    inbox.wait(60, stop)
    assert stop.is_set()
    inbox.wait(0.05, threading.Event())
    threading.Timer(0.1, inbox.close).start()
    inbox.wait(60, threading.Event())


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nntp://127.0.0.1", "names no group; give nntp://HOST/GROUP"),
        ("nntp:///toy", "names no group"),
        ("nntp://127.0.0.1/toy.*", "names no group"),
        ("nntp://127.0.0.1/toy%0d%0aPOST", "names no group"),
        ("nntp://127.0.0.1/toy?x", "has more than a group in it"),
        ("nntp://127.0.0.1:x/toy", "not a URL"),
        ("nntp://me:secret@127.0.0.1/toy", "news is read without a login"),
    ],
)
def test_a_url_that_is_no_group(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        NntpInbox(url, Settings())
    assert "secret" not in str(caught.value)
