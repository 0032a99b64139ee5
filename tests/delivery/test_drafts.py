# SPDX-License-Identifier: GPL-2.0-or-later
"""Drafts in a Maildir and an mbox: there once, whole, and nothing else touched."""

from __future__ import annotations

import mailbox
from pathlib import Path

import pytest

from bot.delivery import deliver
from bot.errors import UsageError
from bot.outgoing import Result
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


def test_maildir_leaves_a_draft_that_was_looked_at(tmp_path: Path) -> None:
    settings = SETTINGS._replace(via="maildir", path=tmp_path / "drafts")
    deliver(ENVELOPE, settings)
    (draft,) = (tmp_path / "drafts/cur").iterdir()
    draft.rename(draft.with_name(draft.name + "S"))
    outcome = deliver(ENVELOPE, settings)
    assert outcome.result is Result.SENT
    assert "already" in outcome.words
    assert len(list((tmp_path / "drafts/cur").iterdir())) == 1


def test_mbox_has_each_mail_once(tmp_path: Path) -> None:
    settings = SETTINGS._replace(via="mbox", path=tmp_path / "drafts.mbox")
    for envelope in (ENVELOPE, OTHER, ENVELOPE):
        assert deliver(envelope, settings).result is Result.SENT
    text = (tmp_path / "drafts.mbox").read_bytes()
    assert text.count(b"\n>From here on") == 2
    with_box = mailbox.mbox(tmp_path / "drafts.mbox")
    assert [message["Message-ID"] for message in with_box] == [
        "<revokebot-1@example.org>",
        "<revokebot-2@example.org>",
    ]
    with_box.close()


def test_mbox_is_not_written_while_another_holds_it(tmp_path: Path) -> None:
    settings = SETTINGS._replace(via="mbox", path=tmp_path / "drafts.mbox")
    (tmp_path / "drafts.mbox.lock").touch()
    outcome = deliver(ENVELOPE, settings)
    assert outcome.result is Result.LATER
    assert "lock" in outcome.words
    assert (tmp_path / "drafts.mbox").read_bytes() == b""


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
