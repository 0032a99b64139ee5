# SPDX-License-Identifier: GPL-2.0-or-later
"""What a server sees of us, and what becomes of its answers when they are not mail."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bot import __version__
from bot.errors import ArchiveError
from bot.inboxes import BusyError
from tests.inboxes.epochs import Epochs, mail
from tests.inboxes.front import Front, Handler
from tests.inboxes.looking import ARCHIVE, Looker

pytestmark = pytest.mark.integration

Manner = Callable[[Handler], None]
WALL = b"<!doctype html><title>Are you a robot?</title>"


@pytest.fixture
def box(front: Front, tmp_path: Path) -> Iterator[Looker]:
    """One that has looked once."""
    looker = Looker(front.url, tmp_path / "state")
    looker.look()
    front.asked.clear()
    yield looker
    looker.inbox.close()


def test_a_quiet_inbox_costs_one_request_on_one_connection(front: Front, box: Looker) -> None:
    front.connections = 0
    for _ in range(5):
        assert box.batches() == []
    assert front.asked == ["head"] * 5
    assert front.connections == 0


def test_new_mail_costs_one_fetch(front: Front, box: Looker, epochs: Epochs) -> None:
    epochs.add(mail(1), mail(2))
    assert box.look() == [1, 2]
    assert front.asked[:2] == ["head", "refs"]
    assert set(front.asked[2:]) == {"pack"}


def test_the_server_is_told_who_asks_and_whom_to_write_to(front: Front, box: Looker) -> None:
    assert front.agents == {f"revokebot/{__version__} (+{ARCHIVE.contact})"}


def test_what_has_not_changed_is_not_sent_again(
    front: Front, epochs: Epochs, tmp_path: Path
) -> None:
    front.validators = True
    box = Looker(front.url, tmp_path / "state")
    assert box.look() == []
    front.unchanged = 0
    for _ in range(3):
        assert box.look() == []
    assert front.unchanged == 3
    epochs.add(mail(1))
    assert box.look() == [1]
    assert box.look() == []
    assert front.unchanged == 4
    box.inbox.close()


def test_a_kept_connection_may_end(front: Front, box: Looker, epochs: Epochs) -> None:
    def hang_up_once(handler: Handler) -> None:
        del front.manners["head"]
        handler.close_connection = True

    front.manners["head"] = hang_up_once
    epochs.add(mail(1))
    assert box.look() == [1]


def test_a_new_epoch_is_looked_for_when_the_inbox_is_quiet(
    front: Front, box: Looker, epochs: Epochs, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.monotonic()
    monkeypatch.setattr("bot.inboxes.git_remote.time.monotonic", lambda: now)
    epochs.add(mail(1))
    epochs.roll()
    epochs.add(mail(2))
    assert box.look() == [1]
    assert box.look() == []
    assert "manifest" not in front.asked
    now += 3601
    assert box.look() == [2]
    assert front.asked.count("manifest") == 1


def answer(status: int, body: bytes = b"", **headers: str) -> Manner:
    return lambda handler: handler.give(status, body, **headers)


def soon() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("asks", "least", "most"), [("", 0, 0), ("120", 120, 120), ("a date", 1, 90), ("soon", 0, 0)]
)
def test_a_busy_server_says_how_long(
    front: Front, box: Looker, status: int, asks: str, least: float, most: float
) -> None:
    # A date of when the tests were collected may be over by now.
    asks = soon() if asks == "a date" else asks
    front.manners["head"] = answer(status, Retry_After=asks)
    with pytest.raises(BusyError, match=f"HTTP {status}") as caught:
        box.look()
    assert least <= caught.value.retry_after <= most
    assert front.asked == ["head"], "it is not asked twice"
    del front.manners["head"]
    assert box.look() == []


REFUSALS: dict[str, tuple[Manner, str]] = {
    "wall": (answer(200, WALL), "got a web page instead of git's answer.*archive.contact"),
    "gone": (answer(404), "has no epoch 0 .*check that watch.inboxes names a public-inbox v2"),
    "denied": (answer(403), "refused .HTTP 403.; check watch.inboxes, and that archive.contact"),
    "fault": (answer(500), "fault of its own .HTTP 500."),
    "odd": (answer(204), "unexpected answer .HTTP 204.; check watch.inboxes"),
    "nothing": (answer(200), "not the answer of a git server"),
    "half": (answer(200, b"001e# service=git-upload-pack\n0000"), "or only a part of it"),
    "big": (answer(200, b"x" * (2 << 20)), "larger than 1048576 bytes"),
    "loop": (
        lambda handler: handler.give(302, b"", Location=f"{handler.path}?{handler.query}"),
        "more than 3 redirects; check watch.inboxes",
    ),
    "file": (answer(301, b"", Location="file:///etc/passwd"), "redirects to file.*not http"),
    "cut": (lambda handler: handler.half(stall=False), "cut short"),
    "stall": (lambda handler: handler.half(stall=True), "silent"),
    "drip": (Handler.drip, "no whole answer within 4 s"),
    "hang up": (lambda handler: setattr(handler, "close_connection", True), "cannot reach"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_answer_that_is_none_is_told_and_nothing_is_lost(
    front: Front, box: Looker, epochs: Epochs, name: str
) -> None:
    manner, words = REFUSALS[name]
    front.manners["head"] = manner
    epochs.add(mail(1))
    with pytest.raises(ArchiveError, match=words) as caught:
        box.look()
    assert not isinstance(caught.value, BusyError)
    assert "\n" not in str(caught.value)
    assert "pack" not in front.asked
    front.manners.clear()
    assert box.look() == [1]


def test_a_server_that_is_not_there_is_told(front: Front, box: Looker) -> None:
    front.server_close()
    box.inbox.close()
    gone = Looker(front.url, box.state, cursor=box.cursor)
    with pytest.raises(ArchiveError, match=r"check watch\.inboxes and the network"):
        gone.look()


def test_a_mirror_without_a_head_does_not_look_quiet(
    front: Front, box: Looker, epochs: Epochs
) -> None:
    epochs.git("symbolic-ref", "HEAD", "refs/heads/main")
    with pytest.raises(ArchiveError, match="HEAD names no branch; tell who runs the server"):
        box.look()


MANIFESTS = {
    "wall": (WALL, "got a web page instead of a manifest"),
    "no gzip": (b"{}", "not a manifest"),
    "no list": (gzip.compress(b"17"), "not a manifest"),
    "nested": (gzip.compress(b"[" * 100_000), "not a manifest"),
    "bomb": (gzip.compress(b" " * (64 << 20)), "not a manifest"),
    "several": (
        gzip.compress(b'{"/a/git/0.git": {}, "/b/git/0.git": {}}'),
        "lists several inboxes; name one of them in watch.inboxes",
    ),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_is_none_is_told(front: Front, tmp_path: Path, name: str) -> None:
    body, words = MANIFESTS[name]
    front.manners["manifest"] = answer(200, body)
    with pytest.raises(ArchiveError, match=words):
        Looker(front.url, tmp_path / "state").look()


def test_an_address_without_a_manifest_is_no_inbox(front: Front, tmp_path: Path) -> None:
    front.manners["manifest"] = answer(404)
    with pytest.raises(ArchiveError, match=r"check that watch\.inboxes names a public-inbox v2"):
        Looker(front.url, tmp_path / "state").look()


def test_a_redirect_is_followed(front: Front, tmp_path: Path, epochs: Epochs) -> None:
    def moved(handler: Handler) -> None:
        handler.give(301, b"", Location=f"{handler.path.replace('/old/', '/toy/')}?{handler.query}")

    box = Looker(front.url.replace("/toy/", "/old/"), tmp_path / "state", backlog=1)
    front.moved = moved
    assert box.look() == [0]
    box.inbox.close()
