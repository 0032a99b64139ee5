# SPDX-License-Identifier: GPL-2.0-or-later
"""News servers that misbehave: each is left within the limits, with words that name it and help."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bot.config import Settings
from bot.errors import ArchiveError
from bot.inboxes import BusyError
from bot.inboxes.nntp import NntpInbox
from bot.sources.mail import MAIL_CAP
from bot.sources.options import ArchiveOptions
from tests.inboxes.misbehaving import GREETING, Answer, News

LIMITS = ArchiveOptions(connect_timeout=1.0, read_timeout=0.5, deadline=1.0)
SETTINGS = Settings(archive=LIMITS)
SILENT = "the server is silent; try again later"
LATE = "no whole answer within 1 s; try again later, or raise archive.deadline"
CLOSED = "the server closed the connection; try again later"
LONG = "a line of over 4096 bytes; is this the right server?"
OTHER = "use another server, or the inbox by git"
STEPS = (GREETING, "MODE READER", "GROUP", "STAT", "ARTICLE")


def mails(inbox: NntpInbox, cursor: str = "1 1@example.org") -> list[bytes]:
    return [mail for batch in inbox.batches(cursor) for mail in batch.mails]


def failure(script: dict[str, Answer]) -> ArchiveError:
    """What a look at a server with `script` ends in."""
    with News(script) as server:
        inbox = NntpInbox(server.url, SETTINGS)
        with pytest.raises(ArchiveError) as caught:
            mails(inbox)
        inbox.close()
        assert str(caught.value).startswith(f"{server.url}: ")
        return caught.value


def test_the_server_of_these_tests_is_one() -> None:
    with News({}) as server:
        inbox = NntpInbox(server.url, SETTINGS)
        assert mails(inbox) == [b"Subject: 2\n\nText.\n", b"Subject: 3\n\nText.\n"]
        assert mails(inbox, "3 3@example.org") == []
        inbox.close()
        assert server.clients == 1


@pytest.mark.parametrize("host", ["a" * 70, "a..b", "no.such.host.invalid"])
def test_a_host_that_is_none(host: str) -> None:
    inbox = NntpInbox(f"nntp://{host}/toy", SETTINGS)
    with pytest.raises(
        ArchiveError, match=r"no (such host|host is called) .*; check watch.inboxes"
    ):
        mails(inbox)
    inbox.close()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("how", "words"), [("hang", SILENT), ("drop", CLOSED), ("drip", LATE), ("line", LONG)]
)
def test_a_server_that_does_not_answer(step: str, how: str, words: str) -> None:
    assert str(failure({step: how})).endswith(words)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("garbage\n", f"'garbage' is no answer of a news server; {OTHER}"),
        ("<html>\n", f"'<html>' is no answer of a news server; {OTHER}"),
        ("502 go away\n", "the server says 502 go away; it does not serve us; " + OTHER),
        ("480 who?\n", "480 who?; it wants a login, which is not supported; " + OTHER),
        ("483 TLS\n", "483 TLS; it wants TLS; use nntps://"),
    ],
)
def test_a_server_that_says_something_else(step: str, answer: str, words: str) -> None:
    assert str(failure({step: answer})).endswith(words)


def test_a_group_that_is_not_there() -> None:
    assert "says 411 none; check the group's name" in str(failure({"GROUP": "411 none\n"}))


@pytest.mark.parametrize("answer", ["211\n", "211 1 x 3 toy\n", "211 3 1\n", "211 1 -5 -3 toy\n"])
def test_a_group_without_numbers(answer: str) -> None:
    assert "odd answer to GROUP" in str(failure({"GROUP": answer}))


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_wants_to_be_left_alone(step: str) -> None:
    error = failure({step: "400 too many of you\n"})
    assert isinstance(error, BusyError)
    assert error.retry_after == 0
    assert str(error).endswith("the server says 400 too many of you; try again later")


def test_an_article_that_does_not_end() -> None:
    assert str(failure({"ARTICLE": "article"})).endswith(LATE)


def test_an_article_that_nobody_asked_for() -> None:
    error = failure({"ARTICLE": "220 77 <77@example.org>\n\n.\n"})
    assert str(error).endswith("the server sent article 77 unasked; try again later")


def test_an_article_over_the_cap_is_cut_and_the_next_one_is_whole() -> None:
    script: dict[str, Answer] = {
        "ARTICLE 2": "220 2 <2@example.org>\n\n" + ("\n" * (MAIL_CAP + 9)) + ".\n"
    }
    with News(script) as server:
        inbox = NntpInbox(server.url, Settings())
        large, small = mails(inbox)
        inbox.close()
    assert len(large) == MAIL_CAP + 1
    assert small == b"Subject: 3\n\nText.\n"


def test_a_last_article_that_is_counted_and_not_yet_there_is_not_passed_over() -> None:
    """public-inbox stores the count before the article."""
    with News({"ARTICLE 3": "423 not yet\n"}) as server:
        inbox = NntpInbox(server.url, SETTINGS)
        (batch,) = inbox.batches("1 1@example.org")
        assert batch.cursor == "2 2@example.org"
        assert list(inbox.batches(batch.cursor)) == []
        del server.script["ARTICLE 3"]
        assert mails(inbox, batch.cursor) == [b"Subject: 3\n\nText.\n"]
        inbox.close()


def test_an_article_that_the_server_says_nothing_of_is_left_out() -> None:
    """public-inbox does so while an article is being purged."""
    with News({"ARTICLE 2": "silence"}) as server:
        inbox = NntpInbox(server.url, SETTINGS)
        assert mails(inbox) == [b"Subject: 3\n\nText.\n"]
        inbox.close()


def test_a_long_gap_is_passed_over() -> None:
    script: dict[str, Answer] = {
        "GROUP": "211 3 1 500 toy\n",
        "ARTICLE 500": "220 500 <500@example.org>\nSubject: 500\n\n.\n",
    }
    with News(script) as server:
        inbox = NntpInbox(server.url, SETTINGS)
        cursors = [batch.cursor for batch in inbox.batches("3 3@example.org")]
        inbox.close()
    assert cursors == ["203", "403", "500 500@example.org"]


def test_one_connection_serves_all_groups_of_a_server() -> None:
    with News({}) as server:
        inboxes = [NntpInbox(f"{server.url}{number}", SETTINGS) for number in range(3)]
        for inbox in inboxes:
            assert mails(inbox, "3 3@example.org") == []
        assert server.clients == 1
        inboxes[0].close()
        assert mails(inboxes[1], "3 3@example.org") == []
        assert server.clients == 1
        for inbox in inboxes:
            inbox.close()


def test_a_kept_connection_that_went_silent_is_opened_again() -> None:
    """As behind a firewall that has forgotten it."""
    with News({}) as server:
        inbox = NntpInbox(server.url, SETTINGS)
        assert mails(inbox, "3 3@example.org") == []
        server.script["GROUP"] = lambda _line: (
            "silence" if server.clients == 1 else "211 3 1 3 toy\n"
        )
        assert mails(inbox) == [b"Subject: 2\n\nText.\n", b"Subject: 3\n\nText.\n"]
        inbox.close()
        assert server.clients == 2


@pytest.mark.parametrize("number", [0, 1])
def test_an_inbox_that_is_closed_waits_for_nobody(number: int) -> None:
    """The one that the server is asked for, and the one that waits for its turn."""
    with News({"GROUP": "hang"}) as server:
        patient = Settings(archive=ArchiveOptions(read_timeout=60, deadline=60))
        inboxes = [NntpInbox(server.url, patient) for _ in range(2)]
        errors: list[ArchiveError] = []

        def look(inbox: NntpInbox) -> None:
            with pytest.raises(ArchiveError) as caught:
                mails(inbox)
            errors.append(caught.value)

        threads = [threading.Thread(target=look, args=(inbox,)) for inbox in inboxes]
        threads[0].start()
        _until(lambda: "GROUP toy" in server.heard)
        threads[1].start()
        inboxes[number].close()
        threads[number].join(5)
        assert not threads[number].is_alive()
        inboxes[1 - number].close()
        for thread in threads:
            thread.join(5)
        assert len(errors) == 2


def _until(done: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _try in range(500):
        if done():
            return
        pause.wait(0.01)
    pytest.fail("it never came to that")
