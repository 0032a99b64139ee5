# SPDX-License-Identifier: GPL-2.0-or-later
"""The review that this bot began with: what its author would have said, on the mails he said it of.

The mails are other people's words and not in the repository; the tests name
them by message-id and look only at what the bot itself says.
"""

from __future__ import annotations

import email
import email.policy
import subprocess
import sys
from pathlib import Path

import pytest

from bot.sources.mbox import read_file
from tests.conftest import ROOT

pytestmark = pytest.mark.corpus

SEED = "20260118-dmabuf-revoke-v2-2-a03bb27c0875@nvidia.com"
MERGED = "20260131-dmabuf-revoke-v7-6-463d956bd527@nvidia.com"
THREADS = "revoke-threads.mbox.xz"


@pytest.fixture(scope="module")
def replies(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Lines of the bot's replies to all labelled threads, by the message-id that they answer."""
    folder = tmp_path_factory.mktemp("seed")
    written = {}
    for name, revision in (("newest", ()), ("second", ("--revision", "2"))):
        outbox = folder / f"{name}.mbox"
        command = [sys.executable, "-m", "bot", "review", str(corpus / THREADS), *revision]
        options = ["--format", "mail", "--output", str(outbox), "--fail-on", "never"]
        subprocess.run([*command, *options], cwd=ROOT, check=True, capture_output=True)
        for raw in read_file(outbox):
            mail = email.message_from_bytes(raw, policy=email.policy.default)
            text = mail.get_content()
            written[mail["In-Reply-To"].strip("<>")] = text.split("\n")
    return written


def said_under(lines: list[str], quoted: str) -> str:
    """What the reply says between the quoted line that has `quoted` and the next quoted line."""
    start = next(n for n, line in enumerate(lines) if line.startswith(">") and quoted in line)
    own = []
    for line in lines[start + 1 :]:
        if line.startswith(">"):
            break
        own.append(line)
    return " ".join(" ".join(own).split())


def test_the_four_asks_stand_under_their_lines(replies: dict[str, list[str]]) -> None:
    lines = replies[SEED]
    doc = said_under(lines, "dma_buf_attachment_is_revoke - check")
    assert "kernel-doc of dma_buf_move_notify()" in doc
    assert "+ * For a pinned importer the mapping is gone." in doc
    assert doc.index("kernel-doc of dma_buf_move_notify()") < doc.index("fences")
    code = said_under(lines, "attach->importer_ops->invalidate_mappings);")
    assert "NULL invalidate_mappings" in code
    assert "dma_buf_unsupported_invalidate_mappings()" in code
    assert "EXPORT_SYMBOL_FOR_MODULES" in code
    assert "NULL importer_ops" in code


def test_on_a_merged_tree_the_last_two_are_not_said(replies: dict[str, list[str]]) -> None:
    text = "\n".join(replies[MERGED])
    assert "unsupported" not in text
    assert "FOR_MODULES" not in text
    assert "NULL" not in text


def test_the_merged_series_hears_of_the_lock_that_nobody_saw(replies: dict[str, list[str]]) -> None:
    msgid = MERGED.replace("v7-6-", "v7-8-")
    said = said_under(replies[msgid], "dma_buf_unpin(pages->dmabuf.attach);")
    assert "dma_resv_lock()" in said
