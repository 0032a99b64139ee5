# SPDX-License-Identifier: GPL-2.0-or-later
"""What a user may name as a source, and what is said when it is something else."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import sys
import time
from pathlib import Path

import pytest

from bot.errors import InputError
from bot.sources import SourceOptions, open_mails, open_source
from bot.sources.mbox import split_mbox
from tests.sources.mails import mail, mboxrd, series

NEWEST = SourceOptions()
EVERY = SourceOptions(every=True)


def put(folder: Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def refusal(spec: str, options: SourceOptions = NEWEST) -> str:
    with pytest.raises(InputError) as caught:
        list(open_source(spec, options))
    assert "\n" not in str(caught.value)
    assert spec in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
@pytest.mark.parametrize("wrap", [mboxrd, lambda mails: mboxrd(mails).replace(b"\n", b"\r\n")])
def test_mbox(tmp_path: Path, pack, wrap) -> None:  # type: ignore[no-untyped-def]
    (posting,) = open_source(put(tmp_path, "any.name", pack(wrap(series(3)))))
    assert posting.series.complete


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_two_members_count_as_one(tmp_path: Path, pack) -> None:  # type: ignore[no-untyped-def]
    mails = series(3)
    (posting,) = open_source(put(tmp_path, "x", pack(mboxrd(mails[:2])) + pack(mboxrd(mails[2:]))))
    assert posting.series.complete


def test_single_mail(tmp_path: Path) -> None:
    (posting,) = open_source(put(tmp_path, "x.eml", mail("[PATCH] x")))
    assert posting.series.complete


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(mboxrd(series(2)))))
    (posting,) = open_source("-")
    assert posting.series.complete


def test_maildir(tmp_path: Path) -> None:
    for name in ("cur", "new", "tmp"):
        (tmp_path / name).mkdir()
    for number, one in enumerate(series(2)):
        put(tmp_path / ("cur" if number else "new"), f"{number}.host:2,S", one)
    (posting,) = open_source(str(tmp_path))
    assert posting.series.complete


def test_from_lines_in_text_are_no_separators(tmp_path: Path) -> None:
    body = "From the spec:\n\nFrom here on it pours.\n>From there it does not.\n"
    mails = [mail("x", body=body), mail("y", "2@x")]
    read = list(open_mails(put(tmp_path, "x", mboxrd(mails))))
    assert [one.partition(b"\n")[2] for one in read] == mails
    unescaped = mboxrd(mails).replace(b"\n>From ", b"\nFrom ")
    assert len(list(open_mails(put(tmp_path, "y", unescaped)))) == 2


@pytest.mark.parametrize("size", [1, 7, 64, 1000, 100_000])
def test_chunks_do_not_matter(size: int) -> None:
    data = mboxrd(series(9))
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert list(split_mbox(iter(chunks))) == list(split_mbox(iter([data])))
    assert len(list(split_mbox(iter(chunks)))) == 10


def test_giant_mail_keeps_its_neighbours() -> None:
    data = mboxrd([mail("a"), mail("b", body="x" * 20_000_000 + "\n"), mail("c")])
    chunks = [data[at : at + (1 << 20)] for at in range(0, len(data), 1 << 20)]
    start = time.process_time()
    mails = list(split_mbox(iter(chunks)))
    assert time.process_time() - start < 3
    assert len(mails) == 3
    assert b"Subject: c" in mails[2]
    assert len(mails[1]) < 10_000_000


def test_progress(tmp_path: Path) -> None:
    spec = put(tmp_path, "x", mboxrd(series(2)))
    seen: list[tuple[int, int]] = []
    list(open_source(spec, EVERY, lambda done, total: seen.append((done, total))))
    size = Path(spec).stat().st_size
    assert seen[-1] == (size, size)


def test_revision_asked_for(tmp_path: Path) -> None:
    spec = put(tmp_path, "x", mboxrd(series(2) + series(2, 2, "t")))
    assert [one.series.revision for one in open_source(spec)] == [2]
    assert [one.series.revision for one in open_source(spec, EVERY)] == [1, 2]
    assert [one.series.revision for one in open_source(spec, SourceOptions(revision=1))] == [1]
    assert "has no revision 7; there is 1, 2" in refusal(spec, SourceOptions(revision=7))


def test_refusals(tmp_path: Path) -> None:
    assert "is empty" in refusal(put(tmp_path, "empty", b""))
    assert "is empty" in refusal(put(tmp_path, "blank", b"\n\n"))
    assert "is no mail" in refusal(put(tmp_path, "junk", os.urandom(64) + b"\0" * 64))
    assert "is no mail" in refusal(put(tmp_path, "prose", b"Dear all, tea is ready.\n"))
    assert "bare diff" in refusal(put(tmp_path, "diff", b"diff --git a/x b/x\n"))
    assert "holds no patch" in refusal(put(tmp_path, "talk", mail("Re: [PATCH] x")))
    assert "neither a Maildir nor a public-inbox" in refusal(str(tmp_path))
    assert "no such file" in refusal("nothing-of-this-name")
    assert "no such file" in refusal("x" * 5000)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress])
def test_cut_short(tmp_path: Path, pack) -> None:  # type: ignore[no-untyped-def]
    packed = pack(mboxrd(series(3)))
    assert "is cut short" in refusal(put(tmp_path, "x", packed[:-20]))
    assert "is damaged" in refusal(put(tmp_path, "y", packed[:40] + b"tea!" + packed[44:]))


def test_bomb(tmp_path: Path) -> None:
    bomb = gzip.compress(b"From a@b Thu Jan  1 00:00:00 1970\n" + b"x" * (300 << 20), 1)
    assert "no mailbox does" in refusal(put(tmp_path, "x.gz", bomb))


def test_file_that_cannot_be_read() -> None:
    assert "give a file" in refusal("/proc/self/mem")
