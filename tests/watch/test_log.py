# SPDX-License-Identifier: GPL-2.0-or-later
"""The log: one line an event whatever a mail says, in text, JSON and for the journal; no secret."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.render.plain import UNSAFE
from bot.watch import log

ROOT = Path(__file__).resolve().parents[2]
LOGFMT = re.compile(r'\S+ stored subject=([^\s"=\\]+|"([^"\\]|\\.)*") mails=1')
HOSTILE = 'a\nb trouble kind="x" \x1b[2J\u2028\u202e\r\t\\n" =\udc80'


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the root logger, which pytest uses, as it was."""
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:], logging.raiseExceptions = handlers, raising
    root.setLevel(level)


def lines(form: str = "text", secrets: tuple[str, ...] = ()) -> StringIO:
    """A log that is kept."""
    stream = StringIO()
    log.set_up(form, secrets, stream)
    return stream


def test_an_event_is_one_line_with_its_fields() -> None:
    out = lines()
    log.event(
        "polled", inbox="https://lore.example.org/dri-devel/", mails=3, seconds=0.5, reply=None
    )
    stamp, _, rest = out.getvalue().partition(" ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert rest == "polled inbox=https://lore.example.org/dri-devel/ mails=3 seconds=0.5\n"


def test_trouble_says_kind_place_and_words() -> None:
    out = lines("json")
    log.trouble("archive", "inbox", "no answer; try later", msgid="a@b")
    got = json.loads(out.getvalue())
    assert got.pop("time")
    assert got == {
        "level": "warning", "event": "trouble", "kind": "archive", "place": "inbox",
        "words": "no answer; try later", "msgid": "a@b",
    }  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json"])
@given(words=st.text() | st.just(HOSTILE))
def test_words_of_a_mail_stay_one_value_of_one_line(form: str, words: str) -> None:
    out = lines(form)
    log.event("stored", subject=words, mails=1)
    (line,) = out.getvalue().splitlines()
    assert not UNSAFE.search(line)
    if form == "json":
        got = json.loads(line)
        assert (got["subject"], got["mails"]) == (words, 1)
    else:
        assert LOGFMT.fullmatch(line)


def test_a_long_value_is_cut() -> None:
    out = lines()
    log.event("stored", subject="a" * 5000 + "end")
    assert len(out.getvalue()) < log.LONGEST + 100
    assert out.getvalue().endswith('end"\n')


def test_what_libraries_say_has_the_same_form() -> None:
    out = lines()
    logging.getLogger("urllib3.pool").warning("retrying\n%s", "now")
    logging.getLogger("urllib3.pool").info("nobody wants to know")
    (line,) = out.getvalue().splitlines()
    assert line.endswith(r'library logger=urllib3.pool words="retrying\nnow"')


def test_what_was_not_foreseen_comes_with_its_traceback() -> None:
    out = lines("json")
    try:
        raise ValueError("odd")
    except ValueError as err:
        log.trouble("broken", "worker 1", "ValueError: odd; please report it", error=err)
    (line,) = out.getvalue().splitlines()
    got = json.loads(line)
    assert got["kind"] == "broken"
    assert "in test_what_was_not_foreseen" in got["traceback"]


def test_a_traceback_is_one_field() -> None:
    out = lines("json")
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    got = json.loads(out.getvalue())
    assert got["words"] == "it failed"
    assert got["traceback"].endswith("ValueError: odd")


SECRET = "s3cret/w@rd"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_is_not_written(form: str) -> None:
    out = lines(form, (SECRET, "ab"))
    log.trouble("store", "postgresql://bot:other@db/x", f"login with {SECRET} fails, about it")
    log.event("x", url="imap://bot:s3cret%2Fw%40rd@host", why=ValueError(SECRET))
    logging.getLogger("lib").error("sent %s", SECRET)
    text = out.getvalue()
    assert "s3cret" not in text
    assert "other" not in text
    assert "about" in text  # a secret of two letters is none
    assert text.count("***") >= 5


SCRIPT = """
import os, sys
from bot.watch import log
if sys.argv[1] == "journal":
    status = os.fstat(2)
    os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
log.set_up("text")
log.event("started")
log.trouble("store", "x", "y")
"""


def test_the_journal_is_told_the_level_and_no_time() -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "JOURNAL_STREAM": "1:1"}

    def said(how: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, how], env=env, capture_output=True, text=True, check=True
        )
        return done.stderr.splitlines()

    assert said("journal") == ["<6>started", "<4>trouble kind=store place=x words=y"]
    assert [line.split(" ", 1)[1] for line in said("file")] == [
        "started", "trouble kind=store place=x words=y",
    ]  # fmt: skip


FULL = """
from bot.watch import log
log.set_up("text")
log.event("polled", inbox="x")
print("went on")
"""


def test_a_full_disk_under_the_log_stops_nothing() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", FULL], stdout=subprocess.PIPE, stderr=full, text=True,
            check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert done.stdout == "went on\n"
