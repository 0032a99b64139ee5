# SPDX-License-Identifier: GPL-2.0-or-later
"""Drafts in a Maildir and an mbox: there once, whole, and nothing else touched."""

from __future__ import annotations

import mailbox
import os
import re
import subprocess
import sys
from email import message_from_bytes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery import deliver
from bot.errors import UsageError
from bot.outgoing import Result
from bot.sources.mbox import as_draft, split_mbox
from tests.delivery.conftest import ENVELOPE, RAW, SETTINGS

OTHER = ENVELOPE._replace(
    msgid="revokebot-2@example.org", raw=RAW.replace(b"revokebot-1@", b"revokebot-2@")
)


def test_maildir_has_each_mail_once(tmp_path: Path) -> None:
    settings = SETTINGS._replace(via="maildir", path=tmp_path / "drafts")
    for envelope in (ENVELOPE, OTHER, ENVELOPE):
        assert deliver(envelope, settings).result is Result.SENT
    box = mailbox.Maildir(tmp_path / "drafts", create=False)
    assert sorted(message.get_flags() for message in box) == ["D", "D"]
    assert {box.get_bytes(key) for key in box.iterkeys()} == {ENVELOPE.raw, OTHER.raw}
    assert list((tmp_path / "drafts/tmp").iterdir()) == []


@pytest.mark.parametrize("suffix", [":2,DS", ",U=7:2,D", ",S=301,W=312:2,"])
def test_maildir_leaves_a_draft_that_was_looked_at_or_synchronised(
    tmp_path: Path, suffix: str
) -> None:
    settings = SETTINGS._replace(via="maildir", path=tmp_path / "drafts")
    deliver(ENVELOPE, settings)
    (draft,) = (tmp_path / "drafts/cur").iterdir()
    draft.rename(draft.with_name(draft.name.removesuffix(":2,D") + suffix))
    outcome = deliver(ENVELOPE, settings)
    assert outcome.result is Result.SENT
    assert "already" in outcome.words
    assert len(list((tmp_path / "drafts/cur").iterdir())) == 1


def test_mbox_has_each_mail_once(tmp_path: Path) -> None:
    settings = SETTINGS._replace(via="mbox", path=tmp_path / "drafts.mbox")
    for envelope in (ENVELOPE, OTHER, ENVELOPE):
        assert deliver(envelope, settings).result is Result.SENT
    with_box = mailbox.mbox(tmp_path / "drafts.mbox")
    assert [message["Message-ID"] for message in with_box] == [
        "<revokebot-1@example.org>",
        "<revokebot-2@example.org>",
    ]
    with_box.close()


def test_drafts_are_for_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        for via in ("maildir", "mbox"):
            deliver(ENVELOPE, SETTINGS._replace(via=via, path=tmp_path / via))
    finally:
        os.umask(old)
    (mail,) = (tmp_path / "maildir/cur").iterdir()
    assert [path.stat().st_mode & 0o777 for path in (mail, tmp_path / "mbox")] == [0o600, 0o600]


def test_mbox_is_not_written_while_another_holds_it(tmp_path: Path) -> None:
    settings = SETTINGS._replace(via="mbox", path=tmp_path / "drafts.mbox")
    (tmp_path / "drafts.mbox.lock").touch()
    outcome = deliver(ENVELOPE, settings)
    assert outcome.result is Result.LATER
    assert f"remove {tmp_path / 'drafts.mbox.lock'}" in outcome.words
    assert (tmp_path / "drafts.mbox").read_bytes() == b""


def test_mbox_is_not_written_while_another_has_it_open_for_writing(tmp_path: Path) -> None:
    settings = SETTINGS._replace(via="mbox", path=tmp_path / "drafts.mbox")
    hold = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); print()"
    with subprocess.Popen(
        [sys.executable, "-uc", f"{hold}; input()", tmp_path / "drafts.mbox"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as other:  # fmt: skip
        assert other.stdout is not None
        assert other.stdout.readline() == b"\n"
        assert deliver(ENVELOPE, settings).result is Result.LATER
        other.communicate(b"\n")
    assert (tmp_path / "drafts.mbox").read_bytes() == b""
    assert deliver(ENVELOPE, settings).result is Result.SENT


LINES = st.lists(
    st.lists(st.sampled_from(["From ", "from ", ">", "F", "rom ", "=", "=46", " ", "\t", ".",
                              "toy" * 20, "-- ", "\u00fc", "\u2028"])).map("".join)
).map("\n".join)  # fmt: skip


@given(text=LINES)
def test_no_line_of_a_draft_is_quoted_and_the_text_is_the_same(text: str) -> None:
    raw = RAW.partition(b"\n\n")[0] + b"\n\n" + text.encode() + b"\n"
    entry = as_draft(raw)
    assert len(re.findall(rb"(?m)^>*From ", entry)) == 1
    draft = message_from_bytes(entry.partition(b"\n")[2])
    assert draft.get_payload(decode=True) == text.encode() + b"\n\n"
    assert max(map(len, entry.split(b"\n"))) <= max(76, *map(len, raw.split(b"\n")))
    # Written once more, as after an edit, and read back by ourselves.
    (again,) = split_mbox(iter([as_draft(entry.partition(b"\n")[2])]))
    read = message_from_bytes(again.partition(b"\n")[2])
    assert str(read["Message-ID"]) == f"<{ENVELOPE.msgid}>"
    decoded = read.get_payload(decode=True)
    assert isinstance(decoded, bytes)
    assert decoded.rstrip(b"\n") == text.encode().rstrip(b"\n")


def test_what_has_no_such_line_stays_byte_for_byte(tmp_path: Path) -> None:
    raw = RAW.replace(b"\nFrom here on", b"\n> From here on")
    box = tmp_path / "drafts.mbox"
    box.write_bytes(as_draft(raw) * 2)
    split = ["git", "mailsplit", "--mboxrd", f"-o{tmp_path}", str(box)]
    assert subprocess.run(split, check=True, capture_output=True).stdout == b"2\n"
    for name in ("0001", "0002"):
        assert (tmp_path / name).read_bytes().partition(b"\n")[2].rstrip(b"\n") == raw.rstrip(b"\n")


def test_a_message_id_that_is_only_quoted_is_no_mail(tmp_path: Path) -> None:
    settings = SETTINGS._replace(via="mbox", path=tmp_path / "drafts.mbox")
    quoting = OTHER._replace(raw=OTHER.raw + b"Message-ID: <revokebot-1@example.org>\n")
    deliver(quoting, settings)
    assert "already" not in deliver(ENVELOPE, settings).words


@pytest.mark.parametrize("via", ["maildir", "mbox"])
def test_a_place_that_cannot_be_written(tmp_path: Path, via: str) -> None:
    (tmp_path / "file").touch()
    settings = SETTINGS._replace(via=via, path=tmp_path / "file" / "drafts")
    outcome = deliver(ENVELOPE, settings)
    assert outcome.result is Result.LATER
    assert str(tmp_path) in outcome.words
    with pytest.raises(UsageError, match=r"delivery\.path"):
        deliver(ENVELOPE, settings._replace(path=None))
