# SPDX-License-Identifier: GPL-2.0-or-later
"""A real IMAP server, Dovecot, on loopback, and a wire to it that fails where it is told to.

Every name is a user there, with the password `right` and mail in a Maildir.
Nobody has to wait after a wrong password, as all tests come from one address.
Dovecot does not serve as root, so there it runs as nobody.
"""

from __future__ import annotations

import grp
import mailbox
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import NamedTuple

import pytest

from bot.delivery.imap_url import utf7
from tests.conftest import absent, free_port
from tests.delivery.listener import Listener
from tests.delivery.tls import certificate

__all__ = ["PASSWORD", "Dovecot", "Wire", "running"]

PASSWORD = "right"
PATH = f"{os.environ['PATH']}:/usr/sbin"
"""Debian has the server where only root looks."""
CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
ssl = yes
ssl_cert = <{folder}/127.0.0.1.pem
ssl_key = <{folder}/127.0.0.1.key
mail_location = maildir:~/Maildir
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
auth_failure_delay = 0
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


class Dovecot(NamedTuple):
    """A running server."""

    folder: Path
    port: int
    """Where it offers STARTTLS."""
    tls_port: int
    user: str
    """Whom its processes belong to."""
    group: str

    @property
    def pem(self) -> Path:
        """Its certificate, for 127.0.0.1."""
        return self.folder / "127.0.0.1.pem"

    def create(self, user: str, *folders: str) -> None:
        """Make folders by Dovecot's own tool, which takes names in UTF-8."""
        self._run("doveadm", "-c", "config", "mailbox", "create", "-u", user, *folders)

    def fetch(self, user: str, field: str, folder: str = "Drafts") -> str:
        """What Dovecot's own tool shows of the mails in a folder."""
        words = ["doveadm", "-c", "config", "fetch", "-u", user, field, "mailbox", folder, "all"]
        return self._run(*words)

    def kick(self, user: str) -> None:
        """End all sessions of a user, as an administrator may."""
        self._run("doveadm", "-c", "config", "kick", user)

    def box(self, user: str, folder: str = "Drafts") -> mailbox.Maildir:
        """The folder as it lies on the disk."""
        return mailbox.Maildir(self.folder / "mail" / user / "Maildir" / f".{utf7(folder)}")

    def _run(self, *words: str) -> str:
        done = subprocess.run(
            words, cwd=self.folder, env={"PATH": PATH}, capture_output=True, text=True, check=False,
            user=self.as_root(self.user), group=self.as_root(self.group),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    @staticmethod
    def as_root(name: str) -> str | None:
        """`name` where we may become somebody else, as for `subprocess`."""
        return name if os.getuid() == 0 else None


@contextmanager
def running() -> Iterator[Dovecot]:
    """A server of its own; its folder is short because of the sockets in it."""
    program = shutil.which("dovecot", path=PATH)
    if program is None:
        absent("dovecot not found: apt-get install dovecot-imapd")
    user, group = "nobody", "nogroup"
    if os.getuid():
        user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        folder = Path(name)
        server = Dovecot(folder, free_port(), free_port(), user, group)
        certificate(folder, "127.0.0.1")
        (folder / "config").write_text(CONFIG.format(**server._asdict(), password=PASSWORD))
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, user, group)
        with subprocess.Popen(
            [program, "-F", "-c", folder / "config"], cwd=folder, env={"PATH": PATH},
            user=server.as_root(user), group=server.as_root(group),
        ) as process:  # fmt: skip
            try:
                _await(server, process)
                yield server
            finally:
                process.terminate()


def _await(server: Dovecot, process: subprocess.Popen[bytes]) -> None:
    for _try in range(200):
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", server.port), 5) as peer:
                if peer.recv(100).startswith(b"* OK"):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    log = server.folder / "log"
    pytest.fail(f"dovecot does not answer: {log.read_text() if log.exists() else 'no log'}")


class Wire(Listener):
    """Carries bytes to and from the server; offers no STARTTLS, so as to understand them.

    Once the server says `at`, this is done in place of handing that on:
    `hang`, `drop`, `trickle` for one byte at a time, or other words to say
    instead; or a call that tells which.  Then the wire is cut.
    """

    def __init__(
        self, server: Dovecot, at: str = "\0", instead: str | Callable[[], str] = "drop"
    ) -> None:
        self.at, self.instead = at.encode(), instead
        self.heard = bytearray()
        """All that the client said."""
        self._server = server.port
        super().__init__()

    def _client(self, peer: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", self._server)) as server:
            self._carry(peer, server)

    def _carry(self, peer: socket.socket, server: socket.socket) -> None:
        while not self._end.is_set():
            ready, _, _ = select([peer, server], [], [], 0.1)
            for side in ready:
                data = side.recv(1 << 16)
                if not data:
                    return
                if side is peer:
                    self.heard += data
                    server.sendall(data)
                elif self.at in data:
                    self._fail(peer)
                    return
                else:
                    peer.sendall(data.replace(b" STARTTLS", b""))

    def _fail(self, peer: socket.socket) -> None:
        instead = self.instead() if callable(self.instead) else self.instead
        if instead == "hang":
            self._end.wait(10)
        elif instead == "trickle":
            while not self._end.wait(0.1):
                peer.sendall(b"*")
        elif instead != "drop":
            peer.sendall(instead.encode() + b"\r\n")
