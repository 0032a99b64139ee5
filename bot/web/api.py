# SPDX-License-Identifier: GPL-2.0-or-later
"""Speak JSON with the API of a forge, within limits, and without doing anything twice.

It waits as the server asks (`Retry-After`, rate-limit headers), and repeats
what may be repeated.  A POST that got no answer is not repeated here: whoever
sent it has to look what became of it (`UnsureError`).  The token goes to the
server that was named and to no other, also where a page or redirect names one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from requests.utils import get_environ_proxies

from bot import __version__
from bot.errors import DeniedError, ForgeError, GoneError, InvalidError, UnsureError
from bot.render.plain import one_line
from bot.sources.bounded_http import (
    BoundedSession,
    Limits,
    ServerError,
    pause_before,
    retry_after,
)

__all__ = ["Api", "Server"]

MAX_BYTES = 32 << 20
"""Of one answer."""
MAX_PAGES = 100
"""Of a list; a hundred items each."""
RETRIES = 4
"""Attempts after the first, where the server is at fault."""
BUSY = 60.0
"""Seconds to wait for a server that limits us and does not say for how long (GitHub's advice)."""
RESETS = ("X-RateLimit-Reset", "RateLimit-Reset")
"""Headers with the second since 1970 from which on more requests are allowed: GitHub, GitLab."""
FEW = 20
"""Changes that no server takes for many; only between more of them is a pause."""
LEFT = ("X-RateLimit-Remaining", "RateLimit-Remaining")


class Server(NamedTuple):
    """A server, and how its errors are told."""

    url: str
    """Of the API; paths are put behind it."""
    headers: Mapping[str, str]
    """That go with every request, the token among them."""
    token: str
    """Where the token comes from, for the words of errors."""
    may: str
    """What the token has to be allowed, for the words of errors."""
    timeout: float = 30.0
    """Seconds that it may be silent."""
    deadline: float = 300.0
    """Seconds for one request, with all waiting."""
    ca_file: Path | None = None
    pause: float = 0.0
    """Seconds between changes, when they are many."""


class Api:
    """A connection to the API of one server.

    Parameters
    ----------
    tell: for a dry run, takes one line for each request that would change something
    """

    def __init__(self, server: Server, tell: Callable[[str], object] | None = None) -> None:
        limits = Limits(
            connect_timeout=min(server.timeout, 10.0),
            read_timeout=server.timeout,
            deadline=server.deadline,
            retries=0,
            max_bytes=MAX_BYTES,
            setting="the URL of the API",
            longer="ci.deadline",
            larger="is it the URL of the API?",
        )
        self._server = server
        self._tell = tell
        self._changes = 0
        self._session = BoundedSession(limits, f"revokebot/{__version__}")
        if server.ca_file:
            self._session.verify = str(server.ca_file)

    @property
    def dry(self) -> bool:
        """Whether nothing is changed, only told."""
        return self._tell is not None

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Any:
        """What is at `path`, read from JSON.  Raises `ForgeError`."""
        return _read(self._ask("GET", self._url(path), params=params))

    def pages(
        self, path: str, params: Mapping[str, str | int] | None = None, *, size: int = 100
    ) -> Iterator[Any]:
        """All items of the list at `path`, whatever number of pages it has (RFC 8288 `next`).

        `size` is the number of items to ask for at once, 0 for no word of it.
        Raises `ForgeError`, also where there are more than `MAX_PAGES`.
        """
        url, query = self._url(path), {**({"per_page": size} if size else {}), **(params or {})}
        for _page in range(MAX_PAGES):
            answer = self._ask("GET", url, params=query)
            items = _read(answer)
            if not isinstance(items, list):
                raise ForgeError(f"{url}: no list came; is it the URL of the API?")
            yield from items
            target = answer.links.get("next", {}).get("url")
            if not target:
                return
            url, query = self._same(url, target), {}
        raise ForgeError(f"{self._url(path)}: more than {MAX_PAGES} pages; nobody can read that")

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask for a change; what the server answers, read from JSON, None for nothing.

        In a dry run it is told, not asked for.  Raises `UnsureError` for a POST
        without an answer, else `ForgeError`.
        """
        url = self._url(path)
        if self._tell is not None:
            self._tell(f"{method} {url}" + (f" {json.dumps(body)}" if body is not None else ""))
            return None
        self._changes += 1
        if self._changes > FEW:
            time.sleep(self._server.pause)
        answer = self._ask(method, url, json=body)
        return _read(answer) if answer.content else None

    def _url(self, path: str) -> str:
        return self._server.url.rstrip("/") + path

    def _same(self, url: str, target: str) -> str:
        """`target` as seen from `url`, if it is on the server that the token is for."""
        goal = urljoin(url, target)
        if urlsplit(goal)[:2] != urlsplit(self._server.url)[:2]:
            raise ForgeError(f"{url} leads to {one_line(goal)[:200]}, another server; not followed")
        return goal

    def _ask(self, method: str, url: str, **options: Any) -> requests.Response:
        """Ask until there is an answer that is one, or no time is left."""
        end = time.monotonic() + self._server.deadline
        for again in count(1):
            try:
                answer = self._follow(method, url, end, options)
                busy = _limited(answer)
                if busy is None and answer.status_code < 500:
                    return self._judged(answer)
                trouble, wait = _told(answer), busy or _asked(answer)
            except ServerError as error:
                busy, trouble, wait = None, str(error), 0.0
                if method != "POST" and not error.again:
                    raise ForgeError(trouble) from error
            if busy is None and method == "POST":
                raise UnsureError(f"{trouble}; what became of it is not known", wait)
            if busy is None and again > RETRIES:
                raise ForgeError(f"{trouble}; try again later")
            self._wait(url, max(wait, pause_before(again)), end)
        raise AssertionError("unreachable: counting does not end")

    def _wait(self, url: str, seconds: float, end: float) -> None:
        """Wait, if there is the time for it."""
        if time.monotonic() + seconds >= end:
            raise ForgeError(
                f"{url}: the server wants us to wait {seconds:.0f} s, longer than ci.deadline"
                f" ({self._server.deadline:g} s) leaves; try again later"
            )
        time.sleep(seconds)

    def _follow(
        self, method: str, url: str, end: float, options: Mapping[str, Any]
    ) -> requests.Response:
        """One attempt; a redirect is followed on the same server, once, and as what it was."""
        kwargs = {**options, "headers": dict(self._server.headers)}
        kwargs["proxies"] = get_environ_proxies(url)
        answer = self._session.exchange(method, url, end, kwargs)
        target = answer.headers.get("Location", "")
        if answer.status_code not in (301, 302, 307, 308) or not target:
            return answer
        if method != "GET" and answer.status_code not in (307, 308):
            raise ForgeError(f"{url} has moved to {one_line(target)[:200]}; name it so")
        return self._session.exchange(method, self._same(url, target), end, kwargs)

    def _judged(self, answer: requests.Response) -> requests.Response:
        """`answer`, if it is one to work with."""
        status, server = answer.status_code, self._server
        if status < 300:
            return answer
        if status == 401:
            raise DeniedError(f"{_told(answer)}; check {server.token}")
        if status == 403:
            raise DeniedError(f"{_told(answer)}; {server.token} needs {server.may}")
        if status in (404, 409, 410, 412):
            raise GoneError(f"{_told(answer)}; or {server.token} needs {server.may}")
        if status in (400, 422):
            raise InvalidError(_told(answer))
        raise ForgeError(f"{_told(answer)}: unexpected")


def _limited(answer: requests.Response) -> float | None:
    """Seconds to wait before the same request, where the server has too many of ours."""
    if answer.status_code not in (403, 429):
        return None
    asked = retry_after(answer.headers.get("Retry-After", ""))
    if asked is not None:
        return asked
    if any(answer.headers.get(name) == "0" for name in LEFT):
        reset = next((v for name in RESETS if (v := answer.headers.get(name, "")).isdigit()), "")
        return max(float(reset) - time.time(), 0.0) + 1.0 if reset else BUSY
    if answer.status_code == 429 or b"secondary rate limit" in answer.content[:4096]:
        return BUSY
    return None


def _asked(answer: requests.Response) -> float:
    """Seconds that the server asks us to wait; 0 where it does not."""
    return retry_after(answer.headers.get("Retry-After", "")) or 0.0


def _read(answer: requests.Response) -> Any:
    try:
        return json.loads(answer.content)
    except ValueError:
        raise ForgeError(
            f"{answer.url}: no JSON came, such as a login page; is it the URL of the API?"
        ) from None


def _told(answer: requests.Response) -> str:
    """What the server said, in one line."""
    try:
        found = json.loads(answer.content)
        words = found.get("message") or found.get("error") or found.get("detail") or found
        words = words if isinstance(words, str) else json.dumps(words)
    except (ValueError, AttributeError):
        words = answer.reason or ""
    method, url = answer.request.method, answer.url.partition("?")[0]
    return f"{method} {url}: HTTP {answer.status_code}, {one_line(words)[:300]}"
