# SPDX-License-Identifier: GPL-2.0-or-later
"""From the name of an inbox in the settings to the inbox."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.config import Settings
from bot.errors import UsageError
from bot.inboxes.git import GitInbox
from bot.inboxes.imap import ImapInbox
from bot.inboxes.nntp import NntpInbox
from bot.inboxes.open import open_inbox

NAMES = (
    "list@example.org", "lore.example.org/list", "~/mirror", "./mirror", "https://", "https:///list",
    "https://lore.example.org", "https://lore.example.org/", "https://[half/list/",
    "https://lore.example.org:port/list", "https://u:secret@lore.example.org/list/",
    "https://lore.example.org/list/?q=s:dma", "ftp://lore.example.org/list/",
    "file:///srv/list", "git://lore.example.org/list/0", "/not/there", "",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_none_is_told_with_what_to_write(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^watch\.inboxes: .*(write https://|remove)") as caught:
        open_inbox(name, Settings(), tmp_path)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_git_is_for_web_servers_and_folders(tmp_path: Path) -> None:
    for name in ("https://lore.example.org/list/", str(tmp_path)):
        inbox = open_inbox(name, Settings(), tmp_path / "state")
        assert isinstance(inbox, GitInbox)
        assert inbox.name == name
        inbox.close()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "name",
    [
        "imaps://me:secret@example.org/INBOX",
        "imaps://me:secret@example.org",
        "nntp://me:secret@example.org/group",
        "ftp://me:secret@example.org/list",
        "nntp://me:secret@example.org:port/group",
    ],
)
def test_a_password_in_a_name_is_not_repeated(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^watch\.inboxes: ") as caught:
        open_inbox(name, Settings(), tmp_path)
    assert "secret" not in str(caught.value)


def test_the_scheme_says_how_an_inbox_is_watched(tmp_path: Path) -> None:
    for name, kind in (("nntps://example.org/group", NntpInbox), ("imap://me@a.org/x", ImapInbox)):
        inbox = open_inbox(name, Settings(), tmp_path)
        assert isinstance(inbox, kind)
        assert inbox.name == name
        inbox.close()
