# SPDX-License-Identifier: GPL-2.0-or-later
"""A real public-inbox server on loopback, with mails of our own."""

from __future__ import annotations

import gzip
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.integration.mails import LIST, world
from tests.public_inbox import add, environment, needed, run

NAME = "toy"
NO_SERVER = "model.example.org"


@dataclass(frozen=True, slots=True)
class Inbox:
    """An inbox and the server that shows it."""

    folder: Path
    env: dict[str, str]
    port: int
    server: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Base URL, as for `ArchiveOptions.url`."""
        return f"http://127.0.0.1:{self.port}/{NAME}"

    def inject(self, raw: bytes) -> None:
        """Put a mail into the running inbox; the server shows it from then on."""
        self.add([raw])

    def add(self, mails: Iterable[bytes]) -> None:
        """Commit `mails` to the epoch, one commit each with a file `m`, and index them."""
        add(self.folder, self.env, mails)
        # The server searches what it opened first, until it reads its configuration again.
        self.server.send_signal(signal.SIGHUP)

    def thread_view(self, msgid: str) -> list[tuple[str, str]]:
        """(message-id, parent or empty) of each mail of a thread, as the server itself gives it."""
        with urllib.request.urlopen(f"{self.url}/{msgid}/t.mbox.gz", timeout=10) as answer:
            mbox = gzip.decompress(answer.read()).decode()
        mails = mbox.split("From mboxrd@z ")[1:]
        return [(_bare(mail, "Message-ID"), _bare(mail, "In-Reply-To")) for mail in mails]

    def stop(self) -> None:
        self.server.kill()
        self.server.wait()


def _bare(mail: str, name: str) -> str:
    for line in mail.partition("\n\n")[0].split("\n"):
        if line.lower().startswith(f"{name.lower()}: <"):
            return line.partition("<")[2].partition(">")[0]
    return ""


def answering(url: str) -> None:
    for _try in range(200):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    pytest.fail(f"public-inbox-httpd does not answer at {url}")


@contextmanager
def served(folder: Path, model: Path) -> Iterator[Inbox]:
    """A copy in `folder` of the inbox in `model`, served on a free port of loopback."""
    port = free_port()
    shutil.copytree(model / NAME, folder / NAME)
    config = (model / "config").read_text().replace(str(model), str(folder))
    (folder / "config").write_text(config.replace(NO_SERVER, f"127.0.0.1:{port}"))
    command = ["public-inbox-httpd", "-W0", "-l", f"127.0.0.1:{port}"]
    with (
        open(folder / "httpd.log", "wb") as log,
        subprocess.Popen(command, env=environment(folder), stdout=log, stderr=log) as server,
    ):
        inbox = Inbox(folder / NAME, environment(folder), port, server)
        try:
            answering(f"{inbox.url}/_/text/help/raw")
            yield inbox
        finally:
            server.kill()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inbox with all mails of `world()`, which nobody serves; to be copied."""
    needed()
    folder = tmp_path_factory.mktemp("model")
    env, place = environment(folder), folder / NAME
    url = f"http://{NO_SERVER}/{NAME}"
    run(["public-inbox-init", "-V2", "-L", "full", NAME, str(place), url, LIST], env)
    add(place, env, (note.raw() for note in world()))
    return folder


@pytest.fixture(scope="session")
def inbox(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inbox]:
    """One server for all tests that only read."""
    with served(tmp_path_factory.mktemp("inbox"), model) as inbox:
        yield inbox


@pytest.fixture
def own_inbox(model: Path, tmp_path: Path) -> Iterator[Inbox]:
    """A server for one test, which may add mails and stop it."""
    with served(tmp_path, model) as inbox:
        yield inbox
