# SPDX-License-Identifier: GPL-2.0-or-later
"""A `requests.Session` for a server that may be slow, broken or hostile.

Every request has a total deadline, also while the server drips, and a cap on
what it may send and on what that inflates to.  What should be mail is checked
to be gzip of an mbox before anyone parses it.  Nothing is taken from the
environment (proxies, netrc), no cookie is kept, redirects are few and only to
http(s).  It retries only what a retry can mend, and waits as `Retry-After` asks.
"""

from __future__ import annotations

import gzip
import io
import random
import re
import time
import zlib
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

__all__ = [
    "BoundedSession", "Limits", "ServerError", "pause_before", "retry_after", "web_page",
]  # fmt: skip

CHUNK = 64 << 10
MAX_REDIRECTS = 3
FIRST_PAUSE = 0.5
"""Seconds before the first retry; doubled for each further one, with jitter."""
_ERRNO = re.compile(r"\[Errno -?\d+\] ([\w ]+)")
"""What the system said, in the layers of words that urllib3 and requests put around it."""
NO_RESULT = b"No results found"
"""What public-inbox says, with status 404, to a search that finds nothing."""
CONDITIONS = frozenset({"If-None-Match", "If-Modified-Since"})
"""Headers that let a server answer with 304: nothing has changed (RFC 9110 15.4.5)."""
RETRIED = frozenset({429, 500, 502, 503, 504})


class ServerError(Exception):
    """The server did not give what was asked for.

    Not a `requests` exception, so that liblore neither swallows it nor tries
    "the next host", of which there is none.
    """

    def __init__(
        self, message: str, *, again: bool = False, wait: float | None = None, status: int = 0
    ) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status of an answer that asks us to come back later; 0 for all else."""
        self.again = again
        """Whether the same request may succeed a little later."""
        self.wait = wait
        """Seconds that the server asked us to wait, where it did."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take, retries and redirects included."""

    connect_timeout: float
    """Seconds."""
    read_timeout: float
    """Seconds without a byte."""
    deadline: float
    """Seconds in all."""
    retries: int
    """Attempts after the first."""
    max_bytes: int
    """Bytes of an answer, on the wire and after inflating."""
    setting: str = "archive.url"
    """Where the URL is set, for the words of errors."""
    longer: str = "archive.deadline"
    """Where the deadline is set."""
    larger: str = "raise archive.max_bytes if it is real"
    """What to do about an answer that is too large."""


class BoundedSession(requests.Session):
    """Give this to liblore instead of the session that it would make."""

    def __init__(self, limits: Limits, user_agent: str) -> None:
        super().__init__()
        self.limits = limits
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        # Answers are archives or small: compression on top only adds a way to blow up.
        self.headers.update({"User-Agent": user_agent, "Accept-Encoding": "identity"})

    def request(self, method: str, url: str, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """Send, read the whole body within the limits, and check it.

        Returns only answers with status 200, or 4xx where liblore has a next
        step for it (404, and any for HEAD), or 304 where `headers` ask on a condition.

        Raises:
            ServerError: for everything else.
        """
        deadline = time.monotonic() + self.limits.deadline
        for attempt in range(self.limits.retries + 1):
            try:
                return self._follow(str(method).upper(), str(url), deadline, kwargs)
            except ServerError as error:
                pause = pause_before(attempt + 1)
                pause = max(pause, error.wait or 0.0)
                if not error.again or attempt == self.limits.retries:
                    raise
                if time.monotonic() + pause >= deadline:
                    raise ServerError(f"{error}; no time left for another attempt") from error
                time.sleep(pause)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def get_redirect_target(self, resp: requests.Response) -> None:
        """None: requests reads a redirect's body without limits, even if told not to follow."""

    def _follow(
        self, method: str, url: str, deadline: float, kwargs: dict[str, Any]
    ) -> requests.Response:
        """One attempt, with its redirects; what was asked for decides what may come."""
        mail = method == "POST" or urlsplit(url).path.endswith(".mbox.gz")
        for _hop in range(MAX_REDIRECTS + 1):
            response = self.exchange(method, url, deadline, kwargs)
            target = response.headers.get("Location", "")
            if response.status_code == 304 and CONDITIONS & (kwargs.get("headers") or {}).keys():
                return response
            if response.status_code not in (301, 302, 303, 307, 308) or not target:
                return _judged(method, url, response, self.limits, mail)
            url = _redirected(url, target, self.limits.setting)
        raise ServerError(
            f"{url}: more than {MAX_REDIRECTS} redirects; check {self.limits.setting}"
        )

    def exchange(
        self, method: str, url: str, deadline: float, kwargs: dict[str, Any]
    ) -> requests.Response:
        """One request; its answer, whatever it is, with the whole body.  No redirect is followed.

        Parameters
        ----------
        deadline: `time.monotonic()` at which it has to be over
        kwargs: further arguments of `requests.Session.request`

        Raises:
            ServerError: when there is no whole answer within the limits.
        """
        left = deadline - time.monotonic()
        if left <= 0:
            raise _late(url, self.limits)
        options: dict[str, Any] = {**kwargs, "stream": True, "allow_redirects": False}
        options["timeout"] = (
            min(self.limits.connect_timeout, left),
            min(self.limits.read_timeout, left),
        )
        try:
            with super().request(method, url, **options) as response:
                response._content = self._body(response, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _unreachable(url, error, self.limits.setting) from error
        return response

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        """All bytes as they are on the wire; read1, because read() waits for a full chunk."""
        chunks: list[bytes] = []
        size = 0
        while chunk := response.raw.read1(CHUNK, decode_content=False):
            size += len(chunk)
            if size > self.limits.max_bytes:
                raise _too_big(response.url, self.limits)
            if time.monotonic() > deadline:
                raise _late(response.url, self.limits)
            chunks.append(chunk)
        return b"".join(chunks)


def _redirected(url: str, target: str, setting: str) -> str:
    """Where a redirect leads, if we follow it there."""
    try:
        goal = urljoin(url, target)
        scheme = urlsplit(goal).scheme
    except ValueError as error:
        raise ServerError(f"{url} redirects to nowhere ({error}); check {setting}") from error
    if scheme not in ("http", "https"):
        raise ServerError(
            f"{url} redirects to {_short(goal)}, which is not http(s); check {setting}"
        )
    if url.startswith("https:") and scheme == "http":
        raise ServerError(f"{url} redirects to {_short(goal)}, without TLS; check {setting}")
    return goal


def _judged(
    method: str, url: str, response: requests.Response, limits: Limits, mail: bool
) -> requests.Response:
    """`response`, if it is an answer to work with."""
    status = response.status_code
    if status == 501:
        raise ServerError(
            f"{url}: the server cannot do that (HTTP 501), such as search without an index;"
            f" see `public-inbox-index -L medium`, or check {limits.setting}"
        )
    if status in RETRIED or status >= 500:
        wait = retry_after(response.headers.get("Retry-After", ""))
        asks = f" and asks to wait {wait:.0f} s" if wait else ""
        what = "limits our requests" if status == 429 else "has a fault of its own"
        raise ServerError(
            f"{url}: the server {what} (HTTP {status}){asks}; try again later",
            again=True,
            wait=wait,
            status=status,
        )
    if status == 200 and method != "HEAD" and mail:
        _check_mail(url, response.content, limits)
    elif status in (401, 403) and method != "HEAD":
        raise ServerError(
            f"{url}: the server refused (HTTP {status});"
            f" check {limits.setting}, and that archive.contact names you"
        )
    elif status == 404 and method == "POST" and NO_RESULT not in response.content[:CHUNK]:
        raise ServerError(f"{url}: cannot be searched (HTTP 404); check archive.url")
    elif status not in (200, 404) and method != "HEAD":
        raise ServerError(f"{url}: unexpected answer (HTTP {status}); check {limits.setting}")
    return response


def _check_mail(url: str, body: bytes, limits: Limits) -> None:
    """See that `body` is whole gzip of a non-empty mbox that inflates to no more than the cap."""
    if not body.startswith(b"\x1f\x8b"):
        if body[:512].lstrip().startswith(b"<"):
            raise web_page(url, "mail", limits.setting)
        raise ServerError(f"{url}: the answer is no gzip; is archive.url a public-inbox?")
    size, start = 0, b""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as inflated:
            while piece := inflated.read(CHUNK):
                start = start or piece[:5]
                size += len(piece)
                if size > limits.max_bytes:
                    raise _too_big(url, limits)
    except EOFError as error:
        raise ServerError(f"{url}: the answer was cut short; try again", again=True) from error
    except (zlib.error, gzip.BadGzipFile) as error:
        raise ServerError(f"{url}: damaged gzip ({error}); try again", again=True) from error
    if not start:
        raise ServerError(f"{url}: the server sent an empty mailbox; its index may be damaged")
    if start != b"From ":
        raise ServerError(f"{url}: the answer is no mbox; is archive.url a public-inbox?")


def web_page(url: str, wanted: str, setting: str) -> ServerError:
    """What to say when a page for people came with status 200 instead of `wanted`."""
    return ServerError(
        f"{url}: got a web page instead of {wanted}, such as a proof-of-work wall or a login;"
        f" set archive.contact, or use a mirror ({setting})"
    )


def pause_before(attempt: int) -> float:
    """Seconds before the retry `attempt`, 1-based: twice as long each time, with jitter."""
    return FIRST_PAUSE * 2.0 ** (attempt - 1) * random.uniform(0.75, 1.25)


def retry_after(value: str) -> float | None:
    """Seconds to wait, from either form of the header (RFC 9110 10.2.3)."""
    if value.isascii() and value.strip().isdigit():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def _late(url: str, limits: Limits) -> ServerError:
    return ServerError(
        f"{url}: no whole answer within {limits.deadline:g} s;"
        f" try again later, or raise {limits.longer}"
    )


def _too_big(url: str, limits: Limits) -> ServerError:
    return ServerError(
        f"{url}: the answer is larger than {limits.max_bytes} bytes; {limits.larger}"
    )


def _unreachable(url: str, error: Exception, setting: str) -> ServerError:
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError)):
        return ServerError(f"{url}: the server is silent; try again later", again=True)
    if isinstance(error, requests.exceptions.SSLError):
        return ServerError(f"{url}: TLS failed ({_short(str(error))}); check {setting}")
    if isinstance(error, (requests.ConnectionError, urllib3.exceptions.HTTPError, OSError)):
        if "IncompleteRead" in str(error):
            return ServerError(f"{url}: the answer was cut short; try again", again=True)
        errno = _ERRNO.search(str(error))
        reason = errno[1] if errno else str(error)
        return ServerError(
            f"{url}: cannot reach {urlsplit(url).netloc} ({_short(reason)});"
            f" check {setting} and the network",
            again=True,
        )
    return ServerError(f"{url}: the request failed ({_short(str(error))}); check {setting}")


def _short(text: str) -> str:
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= 160 else text[:157] + "..."
