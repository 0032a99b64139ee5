# SPDX-License-Identifier: GPL-2.0-or-later
"""IMAP servers that misbehave: each is left within the limits, with words that name it and help."""

from __future__ import annotations

import base64
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bot.config import Settings
from bot.errors import ArchiveError
from bot.inboxes import BusyError
from bot.inboxes.imap import ImapInbox
from bot.settings import WatchSettings
from bot.sources.options import ArchiveOptions
from tests.inboxes.misbehaving import FOLLOWING, GREETING, VALIDITY, Answer, Mailbox
from tests.inboxes.test_nntp_hostile import CLOSED, LATE, LIMITS, SILENT

STEPS = (GREETING, "CAPABILITY", "LOGIN", "EXAMINE", "RFC822.SIZE", "BODY.PEEK")
MAILS = [f"Subject: {number}\n\nText.\n".encode() for number in (1, 2, 3)]
NEVER = threading.Event()


def inbox_of(
    server: Mailbox, tmp_path: Path, options: ArchiveOptions = LIMITS, wait: bool = False
) -> ImapInbox:
    """The inbox on `server`; with `wait` it has been looked at."""
    (tmp_path / "password").write_text("sesame\n")
    watch = WatchSettings(password_file=tmp_path / "password")
    inbox = ImapInbox(server.url, Settings(archive=options, watch=watch))
    if wait:
        assert mails(inbox, "7 3") == []
    return inbox


def mails(inbox: ImapInbox, cursor: str = "7 0") -> list[bytes]:
    return [mail for batch in inbox.batches(cursor) for mail in batch.mails]


def failure(
    script: dict[str, Answer], tmp_path: Path, options: ArchiveOptions = LIMITS
) -> ArchiveError:
    """What a look at a server with `script` ends in."""
    with Mailbox(script) as server:
        inbox = inbox_of(server, tmp_path, options)
        with pytest.raises(ArchiveError) as caught:
            mails(inbox)
        inbox.close()
        assert str(caught.value).startswith(f"{server.url}: ")
        return caught.value


def test_the_server_of_these_tests_is_one(tmp_path: Path) -> None:
    with Mailbox({}) as server:
        inbox = inbox_of(server, tmp_path)
        assert mails(inbox) == MAILS
        assert mails(inbox, "7 3") == []
        inbox.wait(60, NEVER)
        inbox.close()
        assert server.clients == 1


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("hang", SILENT),
        ("drop", CLOSED),
        ("drip", LATE),
        ("line", "a line of over 65536 bytes; is this the right server?"),
    ],
)
def test_a_server_that_does_not_answer(step: str, how: str, words: str, tmp_path: Path) -> None:
    assert str(failure({step: how}, tmp_path)).endswith(words)


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_says_something_else(step: str, tmp_path: Path) -> None:
    words = str(failure({step: "<html>\n"}, tmp_path))
    assert "<html>" in words
    assert words.endswith(("; try again later", "; is it an IMAP server?"))


@pytest.mark.parametrize("step", STEPS[2:])
def test_a_server_that_says_no(step: str, tmp_path: Path) -> None:
    error = failure({step: "TAG NO not now\n"}, tmp_path)
    assert "not now" in str(error)
    assert "; " in str(error)


@pytest.mark.parametrize(
    "script",
    [
        {GREETING: "* BYE too many of you\n"},
        {"LOGIN": "TAG NO [UNAVAILABLE] not now\n"},
    ],
)
def test_a_server_that_wants_to_be_left_alone(script: dict[str, Answer], tmp_path: Path) -> None:
    error = failure(script, tmp_path)
    assert isinstance(error, BusyError)
    assert str(error).endswith("; try again later")


@pytest.mark.parametrize("step", ["LOGIN", "AUTHENTICATE"])
def test_a_server_that_repeats_the_password(step: str, tmp_path: Path) -> None:
    plain = base64.b64encode(b"\0user\0sesame").decode()
    script: dict[str, Answer] = {
        "CAPABILITY": "* CAPABILITY IMAP4rev1 AUTH=PLAIN\nTAG OK done\n",
        "AUTHENTICATE": f"TAG NO what is sesame, or {plain}?\n",
    }
    if step == "LOGIN":
        script = {"LOGIN": "TAG NO what is sesame?\n"}
    words = str(failure(script, tmp_path))
    assert "what is ***" in words
    assert "sesame" not in words
    assert plain not in words


@pytest.mark.parametrize(("left", "missing"), [(VALIDITY, "UIDNEXT"), (FOLLOWING, "UIDVALIDITY")])
def test_a_folder_without_numbers(left: str, missing: str, tmp_path: Path) -> None:
    error = failure({"EXAMINE": f"{left}TAG OK done\n"}, tmp_path)
    assert str(error).endswith(f"the server tells no {missing}; use another server")


def test_a_mail_that_does_not_end(tmp_path: Path) -> None:
    assert str(failure({"BODY.PEEK": "literal"}, tmp_path)).endswith(LATE)


def test_an_answer_that_does_not_end(tmp_path: Path) -> None:
    options = LIMITS._replace(max_bytes=1 << 20, deadline=60)
    words = str(failure({"RFC822.SIZE": "lines"}, tmp_path, options))
    assert "the answer is larger than 1048576 bytes; raise archive.max_bytes" in words


def test_mails_that_nobody_asked_for_are_no_mails(tmp_path: Path) -> None:
    stray = (
        "* 9 FETCH (UID 9 RFC822.SIZE 5)\n* 1 FETCH (FLAGS ())\n* 1 FETCH (UID 1 RFC822.SIZE 5)\n"
    )
    literal = "* 9 FETCH (UID 9 BODY[] {4}\nab\n)\n* 1 FETCH (BODY[] {4}\ncd\n UID 1)\n"
    script: dict[str, Answer] = {
        "RFC822.SIZE": f"{stray}TAG OK done\n",
        "BODY.PEEK": f"{literal}TAG OK done\n",
    }
    with Mailbox(script) as server:
        inbox = inbox_of(server, tmp_path)
        assert mails(inbox) == [b"cd\n"]
        inbox.close()


def test_what_comes_before_tls_is_not_believed(tmp_path: Path) -> None:
    script: dict[str, Answer] = {
        GREETING: "* OK [CAPABILITY IMAP4rev1 STARTTLS] here\n",
        "CAPABILITY": "* CAPABILITY IMAP4rev1 STARTTLS\nTAG OK done\n",
        "STARTTLS": "TAG OK go on\n* BYE injected\n",
    }
    words = str(failure(script, tmp_path))
    assert words.endswith("the server spoke before TLS was there; use TLS from the first byte")


def test_a_server_that_tells_all_the_time_is_not_asked_all_the_time(tmp_path: Path) -> None:
    with Mailbox({}) as server:
        inbox = inbox_of(server, tmp_path, wait=True)
        stop = threading.Event()
        threading.Timer(1.2, stop.set).start()
        waits = 0
        while not stop.is_set():
            inbox.wait(60, stop)
            waits += 1
        inbox.close()
        assert waits < 6


@pytest.mark.parametrize(
    "script",
    [
        {"CAPABILITY": "* CAPABILITY IMAP4rev1\nTAG OK done\n"},
        {"IDLE IDLE": "IDLE BAD what?\n"},
        {"IDLE IDLE": "+ idling\n"},
        {"IDLE IDLE": "garbage\n"},
    ],
)
def test_where_nothing_is_told_the_wait_lasts_as_long_as_asked(
    script: dict[str, Answer], tmp_path: Path
) -> None:
    with Mailbox(script) as server:
        inbox = inbox_of(server, tmp_path, wait=True)
        begun = time.monotonic()
        inbox.wait(1.2, NEVER)
        assert time.monotonic() - begun >= 1.2
        inbox.close()


@pytest.mark.parametrize("how", ["drop", "* BYE idle for too long\n", "+ idling\n"])
def test_a_server_that_hangs_up_while_it_is_waited_for_is_looked_at_again(
    how: str, tmp_path: Path
) -> None:
    with Mailbox({"IDLE IDLE": how, "DONE": "drop"}) as server:
        inbox = inbox_of(server, tmp_path, wait=True)
        inbox.wait(0.3, NEVER)
        assert mails(inbox) == MAILS
        inbox.close()


def test_the_wait_after_a_look_that_failed_leaves_the_server_alone(tmp_path: Path) -> None:
    with Mailbox({"EXAMINE": "* BYE too many of you\n"}) as server:
        inbox = inbox_of(server, tmp_path)
        with pytest.raises(ArchiveError):
            mails(inbox)
        clients = server.clients
        inbox.wait(0.3, NEVER)
        inbox.close()
        assert server.clients == clients


@pytest.mark.parametrize("step", ["EXAMINE", "IDLE IDLE"])
def test_an_inbox_that_is_closed_waits_for_nobody(step: str, tmp_path: Path) -> None:
    patient = ArchiveOptions(read_timeout=60, deadline=60)
    with Mailbox({step: "hang"}) as server:
        inbox = inbox_of(server, tmp_path, patient)
        done = threading.Event()

        def look() -> None:
            with suppress(ArchiveError):
                mails(inbox, "7 3")
            inbox.wait(60, NEVER)
            done.set()

        thread = threading.Thread(target=look)
        thread.start()
        while not any(step in line for line in server.heard):
            time.sleep(0.01)
        inbox.close()
        thread.join(5)
        assert done.is_set()
