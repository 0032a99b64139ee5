# SPDX-License-Identifier: GPL-2.0-or-later
"""The epochs of a public-inbox v2 on a web server.

The newest commit is asked for by the first request of git's own protocol
(gitprotocol-http(5)), over one kept connection; git itself is started only
when that commit is another than the one last read.  So all that a server may
answer instead of mail (429, 503, a page for people) is seen here.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import ArchiveError
from bot.inboxes import BusyError
from bot.inboxes.git_clone import Clones
from bot.inboxes.git_process import Git
from bot.sources.options import ArchiveOptions

if TYPE_CHECKING:
    from bot.sources.bounded_http import BoundedSession

__all__ = ["RemoteEpochs"]

SETTING = "watch.inboxes"
MAX_BYTES = 1 << 20
"""Of an answer; a list of refs has 400 bytes, a manifest 100 for each epoch."""
HOUR = 3600.0
DAY = 24 * HOUR

_HELLO = b"001e# service=git-upload-pack\n0000"
_HEAD = re.compile(rb"[0-9a-f]{4}([0-9a-f]{40}|[0-9a-f]{64}) HEAD[\0\n]")
_EPOCH = re.compile(r"(.*)/git/(\d{1,4})\.git")


def _folder_name(url: str) -> str:
    """The folder of an inbox's clones: readable, and different for different URLs."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    plain = re.sub(r"[^a-z0-9]+", "-", url.partition("://")[2].lower()).strip("-")
    return f"{plain[:60]}-{digest}"


class RemoteEpochs:
    """`URL/N` for epoch N, as public-inbox serves them."""

    def __init__(self, url: str, options: ArchiveOptions, state: Path, git: Git) -> None:
        self._url = url.rstrip("/")
        self._options = options
        self._clones = Clones(state / _folder_name(self._url), git)
        self._session: BoundedSession | None = None
        self._kept: dict[str, tuple[dict[str, str], bytes]] = {}
        """By URL, the conditions on which to ask again, and the answer."""
        self._known: tuple[int, ...] = ()
        self._asked = -DAY
        """When the manifest was last asked for, by the monotonic clock."""

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Hold the clones.  Raises `ArchiveError` when somebody else does."""
        with self._clones.opened():
            yield

    def numbers(self, quiet: bool) -> tuple[int, ...]:
        """The numbers of the epochs, lowest first; only 0 where none has a mail yet.

        The server is asked at the first call, once a day, and once an hour while
        the inbox is `quiet`: a new epoch begins every year or so, and the old one
        is silent then.
        """
        age = time.monotonic() - self._asked
        if not self._known or age >= DAY or (quiet and age >= HOUR):
            self._known = self._manifest()
            self._asked = time.monotonic()
        return self._known

    def head(self, epoch: int) -> str:
        """The newest commit of an epoch, or "" where there is none yet.

        Raises:
            BusyError: the server wants to be left alone.
            ArchiveError: it cannot be reached, or does not answer as git.
        """
        url = f"{self._url}/{epoch}/info/refs?service=git-upload-pack"
        answer = self._ask(url, "git's answer")
        if answer is None:
            raise ArchiveError(
                f"{self._url}: has no epoch {epoch} (HTTP 404);"
                f" check that {SETTING} names a public-inbox v2"
            )
        if not answer.startswith(_HELLO) or not answer[len(_HELLO) :].endswith(b"0000"):
            raise ArchiveError(
                f"{url}: not the answer of a git server, or only a part of it;"
                f" check that {SETTING} names a public-inbox v2"
            )
        found = _HEAD.match(answer, len(_HELLO))
        if not found and b" refs/heads/" in answer:
            raise ArchiveError(
                f"{self._url}/{epoch}: its HEAD names no branch; tell who runs the server"
            )
        return found[1].decode() if found else ""

    def repository(self, epoch: int) -> Path:
        """Where an epoch is read once it has been fetched."""
        return self._clones.path(epoch)

    def fetch(self, epoch: int, depth: int) -> None:
        """Bring the last `depth` commits of an epoch here.  Raises `ArchiveError`."""
        options = self._options
        settings = (
            "-c", f"http.userAgent={options.user_agent}",
            "-c", "http.lowSpeedLimit=100",
            "-c", f"http.lowSpeedTime={max(1, round(options.read_timeout))}",
        )  # fmt: skip
        self._clones.fetch(epoch, f"{self._url}/{epoch}", depth, settings)

    def damaged(self, epoch: int, what: str) -> ArchiveError:
        """Drop a clone that cannot be read, and return the error that says so."""
        self._clones.remove(epoch)
        return ArchiveError(f"{self._clones.path(epoch)}: {what}; it is fetched anew")

    def forget_before(self, epoch: int) -> None:
        """Drop the clones of older epochs."""
        self._clones.forget_before(epoch)

    def close(self) -> None:
        """End the kept connection."""
        if self._session is not None:
            self._session.close()

    def _manifest(self) -> tuple[int, ...]:
        """The epochs that the server lists.  Raises as `head` does."""
        url = f"{self._url}/manifest.js.gz"
        answer = self._ask(url, "a manifest")
        if answer is None:
            raise ArchiveError(
                f"{url}: not there (HTTP 404); check that {SETTING} names a public-inbox v2"
            )
        try:
            inflater = zlib.decompressobj(wbits=31)
            listed = json.loads(inflater.decompress(answer, MAX_BYTES))
            found = [match for path in listed if (match := _EPOCH.fullmatch(path))]
        except (zlib.error, ValueError, TypeError, RecursionError) as error:
            raise ArchiveError(
                f"{url}: not a manifest; check that {SETTING} names a public-inbox v2"
            ) from error
        if len({match[1] for match in found}) > 1:
            raise ArchiveError(f"{url}: lists several inboxes; name one of them in {SETTING}")
        return tuple(sorted(int(match[2]) for match in found)) or (0,)

    def _connection(self) -> BoundedSession:
        from bot.sources.bounded_http import BoundedSession, Limits

        limits = Limits(
            self._options.connect_timeout,
            self._options.read_timeout,
            self._options.deadline,
            retries=0,
            max_bytes=MAX_BYTES,
            setting=SETTING,
        )
        return BoundedSession(limits, self._options.user_agent)

    def _ask(self, url: str, wanted: str) -> bytes | None:
        """The body that the server has at `url`; None where it has nothing (404)."""
        from bot.sources.bounded_http import ServerError, web_page

        if self._session is None:
            self._session = self._connection()
        conditions, known = self._kept.get(url, ({}, b""))
        try:
            try:
                answer = self._session.request("GET", url, headers=conditions)
            except ServerError as error:
                if error.status or not error.again:
                    raise
                # Most likely the kept connection, which the server has closed meanwhile.
                answer = self._session.request("GET", url, headers=conditions)
            if answer.status_code == 304:
                return known
            if answer.status_code == 404:
                return None
            if answer.content[:512].lstrip().startswith(b"<"):
                raise web_page(url, wanted, SETTING)
        except ServerError as error:
            if error.status in (429, 503):
                raise BusyError(str(error), error.wait or 0.0) from error
            raise ArchiveError(str(error)) from error
        self._kept[url] = _conditions(answer.headers), answer.content
        return answer.content


def _conditions(headers: Mapping[str, str]) -> dict[str, str]:
    """What to ask with next time, so that an answer which has not changed need not be sent."""
    pairs = (("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since"))
    return {ask: headers[given] for given, ask in pairs if given in headers}
