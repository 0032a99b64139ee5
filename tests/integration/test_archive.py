# SPDX-License-Identifier: GPL-2.0-or-later
"""The archive client, b4 and a real public-inbox server together."""

from __future__ import annotations

import re

import pytest

from bot.errors import ArchiveError, NotFoundError
from bot.sources.archive import fetch, probe
from bot.sources.options import ArchiveOptions, SourceOptions
from tests.archive.thread import mails_of
from tests.integration.conftest import Inbox
from tests.integration.mails import COVER_V1, COVER_V2, STRANGER, Note, world

pytestmark = pytest.mark.integration

V1 = {note.msgid for note in world() if note.msgid.startswith(("20261102", "20261103"))} - {
    STRANGER
}
V2 = {note.msgid for note in world() if note.msgid.startswith(("20261109", "20261110"))}


def options(
    inbox: Inbox, *, newer: bool = True, older: bool = False, revision: int | None = None
) -> SourceOptions:
    archive = ArchiveOptions(url=inbox.url, deadline=20, contact="https://bot.example.org")
    return SourceOptions(newer=newer, older=older, revision=revision, archive=archive)


def ids(mails: list[bytes]) -> list[str]:
    found = [re.search(rb"^Message-ID: <(.*)>$", mail, re.M | re.I) for mail in mails]
    return [match[1].decode() for match in found if match]


def body(mail: bytes) -> bytes:
    return mail.partition(b"\n\n")[2]


def test_thread_by_message_id_is_whole_and_exact(inbox: Inbox) -> None:
    mails = mails_of(f"<{COVER_V1}>", options(inbox, newer=False))
    assert sorted(ids(mails)) == sorted(V1)
    written = {note.msgid: note.raw() for note in world()}
    for msgid, mail in zip(ids(mails), mails, strict=True):
        assert body(mail) == body(written[msgid])
    assert any(b"\nFrom here on" in mail for mail in mails)


def test_thread_by_url_and_from_any_mail_of_it(inbox: Inbox) -> None:
    reply = "20261103.6-author@example.org"
    elsewhere = SourceOptions(newer=False, archive=ArchiveOptions(url="http://127.0.0.1:1/none"))
    for suffix in ("/", "/raw", "/t.mbox.gz", "/T/#u"):
        mails = mails_of(f"{inbox.url}/{reply}{suffix}", elsewhere)
        assert sorted(ids(mails)) == sorted(V1)


def test_newer_revision_is_found_and_nothing_else(inbox: Inbox) -> None:
    thread = fetch(COVER_V1, options(inbox))
    assert thread.notes == ()
    found = ids(list(thread.mails))
    assert set(found[: len(V1)]) == V1
    assert sorted(found) == sorted(V1 | V2)


def test_newest_revision_has_nothing_newer(inbox: Inbox) -> None:
    assert sorted(ids(mails_of(COVER_V2, options(inbox)))) == sorted(V2)


def test_older_revision_is_fetched_when_asked_for(inbox: Inbox) -> None:
    thread = fetch(COVER_V2, options(inbox, newer=False, revision=1))
    assert thread.notes == ()
    assert sorted(ids(list(thread.mails))) == sorted(V1 | V2)


def test_all_older_revisions_come_with_what_was_said_of_them(inbox: Inbox) -> None:
    thread = fetch(COVER_V2, options(inbox, older=True))
    assert thread.notes == ()
    assert set(ids(list(thread.mails))[: len(V2)]) == V2
    assert sorted(ids(list(thread.mails))) == sorted(V1 | V2)


def test_revision_at_hand_needs_no_search(inbox: Inbox) -> None:
    mails = mails_of(COVER_V2, options(inbox, newer=False, revision=2))
    assert sorted(ids(mails)) == sorted(V2)


def test_unknown_message_id_is_not_found(inbox: Inbox) -> None:
    with pytest.raises(NotFoundError, match="check the message-id"):
        mails_of("never-sent@example.org", options(inbox))


def test_wrong_inbox_of_the_right_server_still_gives_the_thread(inbox: Inbox) -> None:
    url = inbox.url.replace("/toy", "/other")
    thread = fetch(COVER_V1, SourceOptions(archive=ArchiveOptions(url=url, deadline=20)))
    assert sorted(ids(list(thread.mails))) == sorted(V1)
    assert [note.kind for note in thread.notes] == ["newer-revisions-unknown"]
    assert "cannot be searched" in thread.notes[0].message


def test_an_inbox_that_cannot_be_searched_leaves_the_history_open(inbox: Inbox) -> None:
    url = inbox.url.replace("/toy", "/other")
    archive = ArchiveOptions(url=url, deadline=20)
    thread = fetch(COVER_V2, SourceOptions(newer=False, older=True, archive=archive))
    assert sorted(ids(list(thread.mails))) == sorted(V2)
    assert [note.kind for note in thread.notes] == ["older-revisions-unknown"]


def test_a_revision_number_without_measure_is_no_harm(own_inbox: Inbox) -> None:
    odd = Note("20261112.3-1-author@example.org", "[PATCH v999999999 1/1] drm/toy: count", "One.\n")
    own_inbox.inject(odd.raw())
    thread = fetch(odd.msgid, options(own_inbox, older=True))
    assert ids(list(thread.mails)) == [odd.msgid]
    assert thread.notes == ()


def test_probe_knows_a_public_inbox(inbox: Inbox) -> None:
    assert probe(options(inbox)).startswith(f"{inbox.url}: answers as a public-inbox")


def test_list_tag_hides_neither_revision_nor_reply(own_inbox: Inbox) -> None:
    tagged = Note(
        "20261112.3-1-author@example.org",
        "[some-list] [PATCH v3 1/1] drm/toy: count the steps of opening",
        "All in one.\n",
        minutes=14000,
    )
    reply = Note(
        "20261113.4-reviewer@example.org",
        "[some-list] Re: [PATCH v3 1/1] drm/toy: count the steps of opening",
        "Fine.\n",
        parent=tagged.msgid,
        minutes=15000,
    )
    own_inbox.inject(tagged.raw())
    own_inbox.inject(reply.raw())
    found = set(ids(mails_of(COVER_V2, options(own_inbox))))
    assert found == V2 | {tagged.msgid, reply.msgid}
    assert own_inbox.thread_view(tagged.msgid) == [
        (tagged.msgid, ""),
        (reply.msgid, tagged.msgid),
    ]


def test_stopped_server_is_an_archive_error(own_inbox: Inbox) -> None:
    mails_of(COVER_V1, options(own_inbox, newer=False))
    own_inbox.stop()
    archive = ArchiveOptions(url=own_inbox.url, deadline=5, retries=1)
    with pytest.raises(ArchiveError, match="cannot reach 127") as caught:
        mails_of(COVER_V1, SourceOptions(archive=archive))
    assert not isinstance(caught.value, NotFoundError)
