# SPDX-License-Identifier: GPL-2.0-or-later
"""Hand a signed mail to a web endpoint, in the words that b4 and its misc/send-receive.py speak.

One request, over TLS that is verified, with time limits; no redirect is
followed with the mail in hand, and no more of an answer is read than an
endpoint has to say.  Whom the mail goes to is the endpoint's business: it
reads To and Cc.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from bot import __version__
from bot.delivery.attempt import ConfigError
from bot.delivery.servers import broken_tls, loopback, verified
from bot.outgoing import Outcome, Result

__all__ = ["post"]

MAX_ANSWER = 1 << 16
"""Bytes."""
NOT_NOW = (408, 425, 429, 503)
"""What is answered to a request that was not acted upon, and may be later (RFC 9110 15)."""


def post(
    url: str, mail: bytes, ca: str | None, timeout: float, stage: Callable[[str], None]
) -> Outcome:
    """Make one attempt.

    Parameters
    ----------
    url: `b4.send-endpoint-web`
    mail: signed by patatt
    ca: file or folder of authorities; None for the system's
    timeout: seconds that the server may be silent

    Raises:
        ConfigError: the URL is none that a mail may be given to.
    """
    parts = _parts(url)
    try:
        body = json.dumps({"action": "receive", "messages": [mail.decode()]}).encode()
    except UnicodeDecodeError:
        return Outcome(Result.REFUSED, "not sent: the mail is not UTF-8, as JSON has to be")
    connection = _connection(parts, ca, timeout)
    begun = False
    try:
        connection.connect()
        stage("connected")
        connection.putrequest("POST", f"{parts.path or '/'}{parts.query and '?'}{parts.query}")
        for name, value in _headers(len(body)).items():
            connection.putheader(name, value)
        connection.endheaders()
        connection.send(body[:-1])
        begun = True
        stage("dot")
        connection.send(body[-1:])
        answer = connection.getresponse()
        said = answer.read(MAX_ANSWER + 1)
    except (OSError, HTTPException) as error:
        return _failed(url, error, begun)
    finally:
        connection.close()
    words, result = _told(said), _result(answer.status, said)
    if 300 <= answer.status < 400:
        words = f"elsewhere ({answer.getheader('Location')}); mend b4.send-endpoint-web"
    return Outcome(result, f"{url}: HTTP {answer.status}: {words or answer.reason}")


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        fit = parts.hostname and parts.port != 0
    except ValueError:
        fit = False
    if not fit or "@" in parts.netloc or not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError("b4.send-endpoint-web: not a URL; give https://HOST/PATH")
    if parts.scheme != "https" and not (parts.scheme == "http" and loopback(parts.hostname or "")):
        raise ConfigError("b4.send-endpoint-web: must start with https://")
    return parts


def _connection(parts: SplitResult, ca: str | None, timeout: float) -> HTTPConnection:
    assert parts.hostname is not None
    if parts.scheme == "http":
        return HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    context = verified(ca)
    return HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)


def _headers(length: int) -> dict[str, str]:
    return {
        "User-Agent": f"revokebot/{__version__}",
        "Content-Type": "application/json",
        "Content-Length": str(length),
        "Connection": "close",
    }


def _failed(url: str, error: Exception, begun: bool) -> Outcome:
    """No answer came; `begun` when the endpoint may have the whole mail."""
    words = f"{url}: {error or type(error).__name__}"
    if begun:
        return Outcome(Result.UNKNOWN, f"no answer to the mail: {words}")
    return Outcome(Result.REFUSED if broken_tls(error) else Result.LATER, words)


def _result(status: int, said: bytes) -> Result:
    """What an answer means for the mail.

    The endpoint answers with status 500 whatever is wrong with a mail, and
    says `error` only before it sends anything; a 500 without that word may come
    from its middle.
    """
    word = _json(said).get("result")
    if word == "success" and status // 100 == 2:
        return Result.SENT
    if status in NOT_NOW:
        return Result.LATER
    if word == "error" or status // 100 in (3, 4):
        return Result.REFUSED
    return Result.UNKNOWN


def _told(said: bytes) -> str:
    """The endpoint's own words."""
    return str(_json(said).get("message") or said[:MAX_ANSWER].decode("utf-8", "replace"))


def _json(said: bytes) -> dict[str, Any]:
    """What was said, if it is whole and an object; else empty."""
    try:
        told = json.loads(said) if len(said) <= MAX_ANSWER else {}
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
