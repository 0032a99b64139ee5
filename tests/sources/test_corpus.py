# SPDX-License-Identifier: GPL-2.0-or-later
"""The list archive as it really is: read whole without an exception, and grouped as b4 groups it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from bot.model import Posting
from bot.sources import SourceOptions, open_mails, open_source
from bot.sources.mail import parse_mail, read_mail
from bot.sources.series import assemble
from tests.sources.mails import mboxrd

pytestmark = pytest.mark.corpus

B4 = r"""
import argparse, json, re, sys
import b4, liblore.utils

b4.setup_config(argparse.Namespace(config={}))
b4.can_network = False
threads = []
for path in sys.argv[1:]:
    box = b4.LoreMailbox()
    for message in liblore.utils.split_mbox(open(path, "rb").read()):
        # What a list's tag does to b4 is not what is compared here.
        subject = re.sub(r"^\s*\[Linaro-mm-sig\]\s*", "", str(message["Subject"] or ""))
        del message["Subject"]
        message["Subject"] = subject
        box.add_message(message)
    threads.append([
        [revision, number, patch.msgid]
        for revision, series in box.series.items()
        for number, patch in enumerate(series.patches)
        if patch is not None
    ] + [[revision, 0, cover.msgid] for revision, cover in box.covers.items()])
json.dump(threads, sys.stdout)
"""


def test_whole_archive(corpus: Path) -> None:
    spec = str(corpus / "linaro-mm-sig-until-2026-02.mbox.xz")
    postings = list(open_source(spec, SourceOptions(every=True)))
    patches = sum(len(posting.series.patches) for posting in postings)
    assert len(postings) > 800
    assert patches > 3000
    kinds = Counter(problem.kind for posting in postings for problem in posting.problems)
    # Series sent to several lists in parts are normal; damage is rare in real mail.
    assert kinds["damaged-diff"] + kinds["no-diff"] + kinds["double-part"] <= 10
    assert sum(posting.series.complete for posting in postings) > 0.7 * len(postings)


def threads_of(corpus: Path) -> list[list[bytes]]:
    """Real threads with patches, by their first ancestor."""
    threads: dict[str, list[bytes]] = defaultdict(list)
    for raw in open_mails(str(corpus / "revoke-threads.mbox.xz")):
        mail = parse_mail(raw)
        threads[mail.references[0] if mail.references else mail.msgid].append(
            raw.partition(b"\n")[2]
        )
    return [thread for _, thread in sorted(threads.items()) if len(thread) > 1]


def ours(postings: list[Posting]) -> set[tuple[int, int, str]]:
    found = set()
    for posting in postings:
        series = posting.series
        found |= {(series.revision, patch.number, patch.msgid) for patch in series.patches}
        if posting.cover:
            found.add((series.revision, 0, posting.cover.msgid))
    return found


def test_groups_as_b4_does(corpus: Path, tmp_path: Path) -> None:
    threads = threads_of(corpus)
    files = []
    for number, thread in enumerate(threads):
        path = tmp_path / f"{number}.mbox"
        path.write_bytes(mboxrd(thread))
        files.append(str(path))
    home = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", B4, *files], cwd=tmp_path, env=os.environ | home | {"GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True, timeout=300, check=True,
    )  # fmt: skip
    same = different = 0
    for thread, found in zip(threads, json.loads(run.stdout), strict=True):
        theirs = {(revision, number, msgid) for revision, number, msgid in found}
        mine = ours(assemble(map(read_mail, thread)))
        same += len(theirs & mine)
        for one in sorted(theirs ^ mine):
            different += 1
            print("only b4" if one in theirs else "only us", one)
    assert same > 300
    assert different <= 0.01 * same
