# SPDX-License-Identifier: GPL-2.0-or-later
"""What public-inbox itself writes, rolls over, purges, edits and serves, watched through git."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.inboxes.epochs import mail
from tests.inboxes.looking import Looker
from tests.integration.conftest import answering
from tests.integration.mails import LIST
from tests.public_inbox import environment, needed, run

pytestmark = pytest.mark.integration

IMPORT = r"""
use strict;
use PublicInbox::Config;
use PublicInbox::Eml;
use PublicInbox::InboxWritable;
my $ibx = PublicInbox::Config->new->lookup_name('toy');
my $im = PublicInbox::InboxWritable->new($ibx, { nproc => 1 })->importer(0);
$im->{rotate_bytes} = shift;
for my $file (@ARGV) {
	open my $fh, '<', $file or die;
	my $raw = do { local $/; <$fh> };
	$im->add(PublicInbox::Eml->new(\$raw)) or die "$file is a duplicate";
}
$im->done;
"""
"""Puts mails in as public-inbox does, and begins a new epoch after so many bytes."""
GIGABYTE = 1 << 30


@dataclass
class Served:
    """An inbox, and the real server in front of it."""

    home: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/toy/"

    def add(self, *numbers: int, rotate: int = GIGABYTE) -> None:
        files = [self.home / f"{number}.eml" for number in numbers]
        for number, file in zip(numbers, files, strict=True):
            file.write_bytes(mail(number, "some words"))
        self.run(["perl", "-e", IMPORT, str(rotate), *map(str, files)])

    def run(self, command: list[str], stdin: bytes = b"", **more: str) -> None:
        run(command, environment(self.home) | more, stdin)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    needed()
    port = free_port()
    inbox = Served(tmp_path, port)
    inbox.run(
        ["public-inbox-init", "-V2", "-L", "basic", "toy", str(tmp_path / "toy"), inbox.url, LIST]
    )
    command = ["public-inbox-httpd", "-W0", "-l", f"127.0.0.1:{port}"]
    with (
        open(tmp_path / "httpd.log", "wb") as log,
        subprocess.Popen(command, env=environment(tmp_path), stdout=log, stderr=log) as server,
    ):
        try:
            answering(f"{inbox.url}_/text/help/raw")
            yield inbox
        finally:
            server.kill()


def test_a_year_of_an_inbox(served: Served, tmp_path: Path) -> None:
    over_the_web = Looker(served.url, tmp_path / "state")
    in_the_folder = Looker(str(tmp_path / "toy"), tmp_path / "none")
    boxes = (over_the_web, in_the_folder)
    for box in boxes:
        assert [batch.mails for batch in box.batches()] == [()]

    served.add(1, 2, 3)
    for box in boxes:
        came = [raw for batch in box.batches() for raw in batch.mails]
        assert came == [mail(number, "some words") for number in (1, 2, 3)]
        assert box.batches() == []

    served.run(["public-inbox-purge", str(tmp_path / "toy")], mail(2, "some words"))
    served.add(4)
    for box in boxes:
        assert box.look() == [1, 3, 4]
        assert box.batches() == []

    editor = "sed -i s/some/other/"
    served.run(
        ["public-inbox-edit", "-m", "3@example.org", str(tmp_path / "toy")],
        EDITOR=editor,
        VISUAL=editor,
        GIT_EDITOR=editor,
    )
    for box in boxes:
        came = [raw for batch in box.batches() for raw in batch.mails]
        assert mail(3, "other words") in came
        assert box.batches() == []

    # Two mails an epoch.
    served.add(*range(10, 17), rotate=2 * len(mail(10, "some words")) - 20)
    assert in_the_folder.look() == list(range(10, 17))
    assert len(list(tmp_path.glob("toy/git/*.git"))) > 2
    another = Looker(served.url, tmp_path / "elsewhere", cursor=over_the_web.cursor)
    assert another.look() == list(range(10, 17))
    assert another.look() == []
    assert len(list(tmp_path.glob("elsewhere/*/*.git"))) == 1


def test_a_backlog_of_the_newest_epoch(served: Served, tmp_path: Path) -> None:
    served.add(*range(10))
    box = Looker(served.url, tmp_path / "state", backlog=4)
    assert box.look() == [6, 7, 8, 9]
