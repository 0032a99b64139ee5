# SPDX-License-Identifier: GPL-2.0-or-later
"""b4 files a reply under its patch, and its review view shows each remark at its line.

b4 runs in a process of its own, as everywhere: it changes its process's globals.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from bot.render.mail import replies
from bot.sources.mbox import as_mboxrd
from tests.render.reviews import FIRST, HEADER_DIFF, MASK, NOW, SECOND, SETTINGS, review

SCRIPT = """
import argparse, json, sys
import b4, b4.review._review as shown, liblore.utils
b4.setup_config(argparse.Namespace(config={}))
box = b4.LoreMailbox()
for msg in liblore.utils.split_mbox(sys.stdin.buffer.read()):
    box.add_message(msg)
series = box.get_series(codereview_trailers=False)
told = {"patches": [p.msgid if p else None for p in series.patches], "followups": []}
for reply in box.followups:
    found = shown._extract_comments_from_quoted_reply(reply.body)
    patch = next(p for p in series.patches if p and p.msgid == reply.in_reply_to)
    shown._resolve_comment_positions(patch.body, found)
    told["followups"].append({"parent": reply.in_reply_to, "comments": found})
print(json.dumps(told))
"""


def as_mail(msgid: str, subject: str, body: str) -> bytes:
    head = f"From: Patch Author <author@example.org>\nSubject: {subject}\nMessage-ID: <{msgid}>\n"
    date = "Date: Mon, 02 Feb 2026 09:08:07 +0100\n"
    return f"From mboxrd@z Thu Jan  1 00:00:00 1970\n{head}{date}\n{body}\n".encode()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What b4 makes of the series and our replies."""
    done = review()
    written, _ = replies(done, SETTINGS, MASK, NOW)
    box = b"".join(
        as_mail(patch.msgid, patch.subject, f"{patch.message}\n---\n{patch.diff}")
        for patch in done.posting.series.patches
    )
    home = str(tmp_path_factory.mktemp("b4"))
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=box + b"".join(as_mboxrd(reply.raw) for reply in written),
        capture_output=True,
        cwd=home,
        env={"HOME": home, "PATH": "/usr/bin:/bin"},
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    found: dict[str, Any] = json.loads(run.stdout)
    return found


@pytest.mark.integration
def test_replies_are_followups_of_their_patches(told: dict[str, Any]) -> None:
    assert told["patches"] == [None, FIRST, SECOND]
    assert [reply["parent"] for reply in told["followups"]] == [FIRST, SECOND]


@pytest.mark.integration
def test_remarks_are_shown_at_their_lines(told: dict[str, Any]) -> None:
    first, second = (reply["comments"] for reply in told["followups"])
    line = HEADER_DIFF.split("\n").index("+\treturn attach->importer_ops->invalidate_mappings;")
    start = HEADER_DIFF.split("\n").index("+/**")
    assert [(found["path"], found["line"]) for found in first] == [
        ("b/include/linux/dma-buf.h", 604 + 4),
        ("b/include/linux/dma-buf.h", 604 + line - start),
    ]
    assert "true promises" in first[0]["text"]
    assert "importer_ops is NULL" in first[1]["text"]
    assert "missing callback" in first[1]["text"]
    assert [(found["path"], found["line"]) for found in second] == [
        ("b/drivers/dma-buf/dma-buf.c", 84)
    ]
