# SPDX-License-Identifier: GPL-2.0-or-later
"""A real public-inbox server on loopback, with mails of our own.

Needs Debian's `public-inbox`.  Where it is missing the tests are skipped with
a line that names the package; under CI=true that is a failure.
"""

from __future__ import annotations

import gzip
import os
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

from tests.conftest import absent, free_port
from tests.integration.mails import LIST, world

PROGRAMS = ("public-inbox-init", "public-inbox-index", "public-inbox-httpd", "git")
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
        _add(self.folder, self.env, mails)
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


def _add(folder: Path, env: dict[str, str], mails: Iterable[bytes]) -> None:
    epoch = folder / "git/0.git"
    stream = b"".join(_commit(raw) for raw in mails)
    if _run(["git", "-C", str(epoch), "rev-parse", "-q", "--verify", "master"], env, ok=False):
        stream = b"reset refs/heads/master\nfrom refs/heads/master^0\n\n" + stream
    _run(["git", "-C", str(epoch), "fast-import", "--quiet"], env, stream)
    _run(["public-inbox-index", "-L", "full", "--no-fsync", str(folder)], env)


def _bare(mail: str, name: str) -> str:
    for line in mail.partition("\n\n")[0].split("\n"):
        if line.lower().startswith(f"{name.lower()}: <"):
            return line.partition("<")[2].partition(">")[0]
    return ""


def _commit(raw: bytes) -> bytes:
    who = b"committer Toy <toy@example.org> 1793600000 +0000\n"
    return (
        b"commit refs/heads/master\n" + who + b"data 0\n\n"
        b"M 100644 inline m\ndata %d\n%b\n" % (len(raw), raw)
    )


def _run(command: list[str], env: dict[str, str], stdin: bytes = b"", ok: bool = True) -> bool:
    run = subprocess.run(command, env=env, input=stdin, capture_output=True, check=False)
    if ok and run.returncode:
        pytest.fail(f"{command[0]}: {run.stderr.decode()}")
    return run.returncode == 0


def _needs_public_inbox() -> None:
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        absent(f"{', '.join(missing)} not found: apt-get install public-inbox git")


def _await(url: str) -> None:
    for _try in range(200):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    pytest.fail(f"public-inbox-httpd does not answer at {url}")


def _env(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PI_CONFIG": str(folder / "config"),
        "GIT_CONFIG_NOSYSTEM": "1",
    }


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
        subprocess.Popen(command, env=_env(folder), stdout=log, stderr=log) as server,
    ):
        inbox = Inbox(folder / NAME, _env(folder), port, server)
        try:
            _await(f"{inbox.url}/_/text/help/raw")
            yield inbox
        finally:
            server.kill()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inbox with all mails of `world()`, which nobody serves; to be copied."""
    _needs_public_inbox()
    folder = tmp_path_factory.mktemp("model")
    env, place = _env(folder), folder / NAME
    url = f"http://{NO_SERVER}/{NAME}"
    _run(["public-inbox-init", "-V2", "-L", "full", NAME, str(place), url, LIST], env)
    _add(place, env, (note.raw() for note in world()))
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
