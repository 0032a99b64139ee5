# SPDX-License-Identifier: GPL-2.0-or-later
"""mutt and `git send-email` as a person runs them, and where the mail goes that they send.

What is typed is what docs/drafts.md tells to type.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any, NamedTuple

from aiosmtpd.controller import Controller

from tests.conftest import ROOT, absent, free_port

__all__ = ["Arrived", "Office", "at_terminal", "git_send_email", "mutt", "opened", "split", "told"]

TOLD = (ROOT / "docs/drafts.md").read_text(encoding="utf-8").replace("\\\n", " ")
PATIENCE = 30.0
"""Seconds for a program at the terminal."""


class Arrived(NamedTuple):
    """What a server, or a command in its place, is given."""

    recipients: tuple[str, ...]
    raw: bytes
    """LF line ends."""


class Office:
    """aiosmtpd's handler: keeps what arrives."""

    def __init__(self) -> None:
        self.mails: list[Arrived] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        content = envelope.original_content.replace(b"\r\n", b"\n")
        self.mails.append(Arrived(tuple(envelope.rcpt_tos), content))
        return "250 kept"


@contextmanager
def opened() -> Iterator[tuple[Office, int]]:
    """A real SMTP server on loopback, and its port."""
    office = Office()
    port = free_port()
    controller = Controller(office, hostname="127.0.0.1", port=port, decode_data=False)
    controller.start()
    try:
        yield office, port
    finally:
        controller.stop()


def needs(program: str, packages: str) -> None:
    """Skip the test where `program` is missing; under CI that is a failure."""
    if shutil.which(program) is None:
        absent(f"{program} not found: apt-get install {packages}")


def told(start: str, **names: Path) -> list[str]:
    """The words of the one command in docs/drafts.md that begins with `start`.

    Parameters
    ----------
    names: what stands there for a path, and the path
    """
    (command,) = re.findall(rf"(?m)^ +({re.escape(start)}.*)$", TOLD)
    for name, path in names.items():
        assert command.count(name) == 1
        command = command.replace(name, str(path))
    return shlex.split(command)


def git_send_email(files: Sequence[Path], folder: Path) -> str:
    """Send `files`, each one mail; return what git says."""
    path = subprocess.run(["git", "--exec-path"], check=True, capture_output=True, text=True)
    needs(f"{path.stdout.strip()}/git-send-email", "git-email libmailtools-perl")
    *command, last = told("git send-email")
    assert last == "FILE..."
    done = subprocess.run(
        [*command, *map(str, files)],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def split(box: Path, folder: Path) -> list[Path]:
    """The mails of an mbox, one a file in `folder`."""
    folder.mkdir()
    command = told("git mailsplit", SPLIT=folder, MBOX=box)
    subprocess.run(command, check=True, capture_output=True)
    return sorted(folder.iterdir())


def mutt(words: Sequence[str], keys: Sequence[tuple[str, str]], folder: Path) -> Arrived:
    """Run mutt at a terminal, where it sends one mail through a command.

    Parameters
    ----------
    words: its command line
    keys: what has to stand on the screen, and what is typed then
    """
    needs("mutt", "mutt")
    command = folder / "sendmail"
    command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{folder}/to"\ncat > "{folder}/mail"\n')
    command.chmod(0o700)
    rc = folder / "muttrc"
    rc.write_text(
        f'set sendmail="{command}" sendmail_wait=0 copy=no folder="{folder}" editor=true\n'
        'set charset=utf-8 from="person@example.net" realname="A Person" edit_headers=yes\n'
    )
    at_terminal([words[0], "-n", "-F", str(rc), *words[1:]], keys)
    _, *recipients = (folder / "to").read_text().split()
    return Arrived(tuple(recipients), (folder / "mail").read_bytes())


def at_terminal(command: Sequence[str], keys: Sequence[tuple[str, str]]) -> None:
    """Run `command` at a terminal until it ends by itself; `keys` as for `mutt`."""
    screen, terminal = pty.openpty()
    waiting = list(keys)
    env = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", "LINES": "30", "COLUMNS": "100"}
    with subprocess.Popen(
        command, env=env, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    ) as process:
        os.close(terminal)
        shown = b""
        end = time.monotonic() + PATIENCE
        while (left := end - time.monotonic()) > 0 and (part := _read(screen, left)):
            shown += part
            if waiting and waiting[0][0].encode() in shown:
                shown = b""
                os.write(screen, waiting.pop(0)[1].encode())
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
    os.close(screen)
    assert (process.returncode, waiting) == (0, []), shown.decode("utf-8", "replace")


def _read(screen: int, left: float) -> bytes:
    """What comes next; nothing when the program has ended or the time is over."""
    if not select([screen], [], [], left)[0]:
        return b""
    try:
        return os.read(screen, 1 << 16)
    except OSError:  # Linux: no one has the terminal open any more
        return b""
