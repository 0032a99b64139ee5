# SPDX-License-Identifier: GPL-2.0-or-later
"""A reply that a mail server delivers twice is in the archive once: the same mail has the same id."""

from __future__ import annotations

import subprocess

import pytest

from bot.sources.mail import scan
from tests.integration.conftest import Inbox
from tests.integration.mails import LIST
from tests.render.reading import written

pytestmark = pytest.mark.integration


def delivered(inbox: Inbox, raw: bytes) -> None:
    """Hand a mail to public-inbox as a mail server does."""
    subprocess.run(
        ["public-inbox-mda", "--no-precheck"],
        env={**inbox.env, "ORIGINAL_RECIPIENT": LIST},
        input=raw,
        capture_output=True,
        check=True,
    )


def test_public_inbox_keeps_one_of_two(own_inbox: Inbox) -> None:
    config = ["git", "config", "-f", own_inbox.env["PI_CONFIG"]]
    subprocess.run([*config, "publicinboxmda.spamcheck", "none"], check=True)
    (first, second) = written()
    for reply in (first, first, second, first):
        delivered(own_inbox, reply.raw)
    log = ["git", "-C", str(own_inbox.folder / "git/0.git"), "rev-list", "master"]
    commits = subprocess.run(log, capture_output=True, text=True, check=True).stdout.split()
    mails = [
        subprocess.run(
            ["git", "-C", log[2], "cat-file", "blob", f"{commit}:m"],
            capture_output=True,
            check=True,
        ).stdout
        for commit in commits[:3]
    ]
    ids = [scan(raw).msgid for raw in mails]
    assert ids[:2] == [second.msgid, first.msgid]
    assert ids[2] not in (first.msgid, second.msgid)
