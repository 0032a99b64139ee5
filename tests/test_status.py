# SPDX-License-Identifier: GPL-2.0-or-later
"""`revokebot status` as a person and a program meet it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.settings import StoreSettings
from bot.store import Store
from tests.store.outbox import settings
from tests.store.watched import (
    LORE,
    NEWS,
    ORDER,
    PART,
    ROOT,
    put_a_bad_day,
    put_inbox,
    put_incident,
    put_mail,
    put_thread,
)
from tests.test_cli import refused, run


@pytest.fixture
def url(store_url: str) -> str:
    with Store.open(StoreSettings(store_url)):
        return store_url


def status(url: str, *args: str, inboxes: str = LORE) -> subprocess.CompletedProcess[str]:
    return run("status", *args, REVOKEBOT_STORE_URL=url, REVOKEBOT_WATCH_INBOXES=inboxes)


def test_without_a_store_it_says_who_makes_one(tmp_path: Path) -> None:
    url = settings(tmp_path).url
    assert "there is no store yet; `revokebot watch` makes it" in refused(
        "status", REVOKEBOT_STORE_URL=url
    )
    assert list(tmp_path.iterdir()) == []


def test_all_is_well(url: str) -> None:
    put_inbox(url, polled=datetime.now(UTC))
    put_thread(url, 1, "done")
    done = status(url)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "all is well",
        "inboxes:",
        f"  {LORE}: read 0 seconds ago, 7 mails in all",
        "threads: 1 done",
        "series:  none",
        "replies: none",
        "orders:  0 obeyed, 0 ignored (`revokebot queue orders`)",
        "nothing went wrong lately",
    ]


def test_what_needs_a_person_comes_first(url: str) -> None:
    put_a_bad_day(url)
    done = status(url, inboxes=f"{LORE},{NEWS}")
    assert done.returncode == 1
    first, *rest = done.stdout.splitlines()
    assert first == "4 need a person:"
    assert rest[0].startswith(f"  {LORE}: last read ")
    assert "4 looks in a row failed" in rest[1]
    assert rest[1].endswith("news.example.org refuses; see its status page")
    assert f"`revokebot watch --retry {ROOT}` reviews it again" in rest[2]
    assert rest[3].startswith("  threads: one became due ")
    assert "went wrong lately:" in rest
    assert rest[-1] == "  2026-02-03 12:00 UTC review, thread 2: it broke; mend it"


def test_programs_get_the_same(url: str) -> None:
    put_a_bad_day(url)
    done = status(url, "--format", "json")
    assert done.returncode == 1
    got = json.loads(done.stdout)
    assert got["schema"] == "revokebot.status/1"
    assert got["threads"] == {"done": 1, "due": 2, "parked": 1, "working": 1}
    assert [need["place"] for need in got["needs"]] == [LORE, "thread 2", "threads"]
    assert got["inboxes"][0]["looked"] == "2026-02-03T12:00:00+00:00"
    assert got["stopped"] is None


def test_a_store_that_takes_nothing_needs_a_person(tmp_path: Path) -> None:
    url = settings(tmp_path).url
    put_inbox(url, polled=datetime.now(UTC))
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        done = status(url)
    assert done.returncode == 1
    assert done.stdout.startswith(f"1 need a person:\n  store: {url}: ")


def test_words_of_a_mail_do_not_reach_the_terminal(url: str) -> None:
    put_incident(url, 1, "\x1b[2J\nall is well")
    put_incident(url, 2, "no login at imap://me:s3cret@host/INBOX")
    for form in ("text", "json"):
        out = status(url, "--format", form).stdout
        assert "\x1b" not in out
        assert "s3cret" not in out
        assert "imap://me:***@host" in out


def test_one_mail(url: str) -> None:
    put_a_bad_day(url)
    done = status(url, f"<{PART}>")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        f"mail:    <{PART}>",
        f"         a patch, came 2026-02-03 12:00 UTC from {LORE}",
        "thread:  2, parked: 3 times over 60 s; report it",
        f"         `revokebot watch --retry {PART}` reviews it again",
        f"series:  <{ROOT}> frob: count",
        "         v2, 2 mails for 3 patches",
        "         waiting: because, until 2026-02-03 13:00 UTC",
    ]
    assert "\norder:   #revokebot stop: left alone\n" in status(url, ORDER).stdout
    put_thread(url, 9, "quiet")
    put_mail(url, "lunch@example.org", 9, "reply")
    assert status(url, "lunch@example.org").stdout.splitlines()[1:] == [
        f"         a mail without a patch, came 2026-02-03 12:00 UTC from {LORE}",
        "thread:  9, quiet: no word of any rule stands in it, so nothing of it is reviewed",
    ]
    got = json.loads(status(url, PART, "--format", "json").stdout)
    assert got["mail"]["courses"][0]["fate"] == "waiting"


def test_a_mail_that_nobody_knows(url: str) -> None:
    said = refused("status", "nobody@example.org", REVOKEBOT_STORE_URL=url)
    assert "nothing is known of <nobody@example.org>" in said
    assert "revokebot status --help" in refused("status", "a", "b", REVOKEBOT_STORE_URL=url)


def test_its_exit_status_is_its_own() -> None:
    assert "1  something needs a person" in run("status", "--help").stdout
