# SPDX-License-Identifier: GPL-2.0-or-later
"""Every way in which a server fails us becomes the right error, in time, and says what to do."""

from __future__ import annotations

import time

import pytest

from bot.errors import ArchiveError, NotFoundError, UsageError
from bot.sources.archive import Thread, fetch, probe
from bot.sources.options import ArchiveOptions, SourceOptions
from tests.archive.server import MAIL, MSGID, Server, mbox
from tests.archive.thread import mails_of

LIMITS = ArchiveOptions(
    connect_timeout=1,
    read_timeout=0.5,
    deadline=2,
    retries=1,
    max_bytes=8 << 20,
    contact="x.example",
)
START = 3.0
"""Seconds allowed for starting the child on a busy machine."""


def options(url: str, **limits: float) -> SourceOptions:
    return SourceOptions(newer=False, archive=LIMITS._replace(url=url, **limits))  # type: ignore[arg-type]


FAILURES = [
    ("missing", "check the message-id", 1.0),
    ("denied", "refused .HTTP 401.; check archive.url", 1.0),
    ("limited-long", "asks to wait 3600 s; try again later", 1.0),
    ("fault", "HTTP 503.; try again later", 2.0),
    ("unable", "HTTP 501., such as search without an index", 1.0),
    ("silent", "is silent; try again later", 4.0),
    ("drip", "no whole answer within 2 s; try again later", 2.5),
    ("drip-moved", "no whole answer within 2 s; try again later", 2.5),
    ("bomb", "larger than 8388608 bytes; raise archive.max_bytes", 3.0),
    ("wire", "larger than 8388608 bytes; raise archive.max_bytes", 2.0),
    ("truncated", "cut short; try again", 2.0),
    ("short", "cut short; try again", 2.0),
    ("wall", "web page instead of mail.*set archive.contact", 1.0),
    ("loop", "more than 3 redirects; check archive.url", 1.0),
    ("to-file", "redirects to file:///etc/hostname, which is not http", 1.0),
    ("to-login", "web page instead of mail", 1.0),
    ("to-nowhere", "redirects to nowhere.*check archive.url", 1.0),
    ("empty", "empty mailbox", 1.0),
    ("nothing", "no gzip; is archive.url a public-inbox", 1.0),
    ("garbage", "no mbox; is archive.url a public-inbox", 1.0),
    ("noise", "damaged gzip", 2.0),
]


@pytest.mark.parametrize(
    ("behaviour", "says", "seconds"), FAILURES, ids=[row[0] for row in FAILURES]
)
def test_failure(server: Server, behaviour: str, says: str, seconds: float) -> None:
    start = time.monotonic()
    with pytest.raises(ArchiveError, match=says) as caught:
        mails_of(MSGID, options(server.url(behaviour)))
    assert time.monotonic() - start < seconds + START
    assert isinstance(caught.value, NotFoundError) == (behaviour == "missing")
    assert "\n" not in str(caught.value)
    assert server.url("wall" if behaviour == "to-login" else behaviour) in str(caught.value)


def test_refused_connection() -> None:
    with pytest.raises(
        ArchiveError,
        match=r"cannot reach 127.*Connection refused.*check archive\.url and the network",
    ):
        mails_of(MSGID, options("http://127.0.0.1:1/none"))


def test_dripping_head_is_cut_by_the_wall_limit(server: Server) -> None:
    start = time.monotonic()
    with pytest.raises(ArchiveError, match="try again"):
        mails_of(MSGID, options(server.url("drip-head"), deadline=1, retries=0))
    assert time.monotonic() - start < 2 * 1 + START


@pytest.mark.parametrize("behaviour", ["good", "labelled", "moved", "limited-once", "fault-once"])
def test_mended_by_redirect_or_retry(server: Server, behaviour: str) -> None:
    start = time.monotonic()
    assert mails_of(MSGID, options(server.url(behaviour), deadline=4)) == [MAIL]
    if behaviour == "limited-once":
        assert time.monotonic() - start > 1, "Retry-After was not honoured"


def test_refusals_are_not_retried(server: Server) -> None:
    before = server.hits["denied"]
    with pytest.raises(ArchiveError):
        mails_of(MSGID, options(server.url("denied")))
    assert server.hits["denied"] == before + 1


def test_user_agent_names_us_and_the_operator(server: Server) -> None:
    mails_of(MSGID, options(server.url("good")))
    assert all(agent.startswith("revokebot/") for agent in server.agents)
    assert any(agent.endswith(" (+x.example)") for agent in server.agents)


def searched(server: Server, behaviour: str, *mails: bytes) -> SourceOptions:
    """An archive that gives `mails` as the thread, and is searched for newer revisions."""
    server.archives[f"searched-{behaviour}"] = (mbox(*mails), behaviour)
    return SourceOptions(archive=LIMITS._replace(url=server.url(f"searched-{behaviour}")))


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        ("wall", "web page instead of mail"),
        ("fault", "HTTP 503"),
        ("bomb", "larger than"),
        ("missing", "cannot be searched"),
        ("unable", "search without an index; see `public-inbox-index -L medium`"),
    ],
)
def test_thread_is_returned_when_only_the_search_fails(
    server: Server, behaviour: str, says: str
) -> None:
    thread = fetch(MSGID, searched(server, behaviour, MAIL))
    assert thread.mails == (MAIL,)
    assert [(note.kind, note.where) for note in thread.notes] == [
        ("newer-revisions-unknown", MSGID)
    ]
    assert says in thread.notes[0].message


def test_search_without_result_is_no_failure(server: Server) -> None:
    assert fetch(MSGID, searched(server, "no-result", MAIL)) == Thread((MAIL,))


@pytest.mark.parametrize("behaviour", ["good", "wall", "missing"])
def test_probe_refuses_what_is_no_public_inbox(server: Server, behaviour: str) -> None:
    with pytest.raises(ArchiveError, match=r"archive\.url|try again"):
        probe(options(server.url(behaviour)))


@pytest.mark.parametrize("url", ["ftp://example.org/x", "https://me:secret@example.org/x", "lore"])
def test_configured_url_is_checked(url: str) -> None:
    with pytest.raises(UsageError, match=r"archive\.url") as caught:
        probe(options(url))
    assert "secret" not in str(caught.value)
