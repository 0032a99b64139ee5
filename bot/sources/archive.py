# SPDX-License-Identifier: GPL-2.0-or-later
"""Fetch threads from a public-inbox archive, through b4 in a child process.

The child gets its own home, an empty working directory, a clean environment
and limits on time and memory (docs/archive.md); it is killed with all that it
started when its time is up, when the caller is interrupted, and when this
process dies.  Nothing here imports b4, liblore or requests, and nothing is
kept on disk.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from bot.child import child, last_words, start, take
from bot.errors import ArchiveError, NotFoundError, UsageError
from bot.sources.msgid import parse_target
from bot.sources.options import ArchiveOptions, SourceOptions
from checks.api import Problem

__all__ = ["Thread", "fetch", "probe"]

ANSWERS = 3
"""The thread, newer and older revisions: each may have `max_bytes`."""
KEPT = ("PATH", "LANG", "LC_ALL", "TZ")
"""What the child sees of our environment."""

_START = start("bot.sources.b4_child")


class Thread(NamedTuple):
    """A thread as the archive has it, and what could not be found out about it."""

    mails: tuple[bytes, ...]
    """Raw mails, each message-id once; those of the thread named come first."""
    notes: tuple[Problem, ...] = ()


def fetch(spec: str, options: SourceOptions = SourceOptions()) -> Thread:
    """Return the whole thread of the mail that `spec` names.

    With `options.newer` and `options.older`, the threads of newer and older
    revisions are added; where `options.revision` is not in the thread, that
    revision's too.  If only a search fails, the thread is returned with a
    note that says so.

    Raises:
        UsageError: `spec` names no message.
        NotFoundError: the archive does not have it.
        ArchiveError: no complete answer within the limits.
    """
    target = parse_target(spec)
    url = _base_url(target.base_url or options.archive.url)
    answer = _run(
        {
            "do": "fetch",
            "url": url,
            "msgid": target.msgid,
            "newer": options.newer,
            "older": options.older,
            "revision": options.revision,
        },
        options.archive,
    )
    return _thread(answer, target.msgid, url)


def probe(options: SourceOptions = SourceOptions()) -> str:
    """Return one line that says that the archive answers as a public-inbox.

    Raises:
        ArchiveError: it does not; the message says what to do.
    """
    url = _base_url(options.archive.url)
    begun = time.monotonic()
    answer = _run({"do": "probe", "url": url}, options.archive)
    if "done" not in answer.stages:
        raise answer.error(url)
    return f"{url}: answers as a public-inbox ({time.monotonic() - begun:.1f} s)"


def _base_url(url: str) -> str:
    """`url`, as it can be put before `/MSGID/`."""
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"archive.url {url!r}: not an http(s) URL; give the base URL of an inbox")
    if "@" in url.split("/")[2]:
        raise UsageError("archive.url: credentials in an URL are refused; remove them")
    return url.rstrip("/")


@dataclass(slots=True)
class _Answer:
    """What came through the pipe, and how it ended."""

    mails: list[bytes] = field(default_factory=list)
    stages: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: str = ""
    """Why the child was stopped or stopped by itself, when it did not finish."""

    def error(self, what: str) -> ArchiveError:
        said = self.stages.get("error")
        if said is None:
            return ArchiveError(f"{what}: {self.ended or 'the b4 process gave no answer'}")
        if said.get("kind") == "not-found":
            return NotFoundError(
                f"{what}: not in this archive; check the message-id, or give an URL"
            )
        return ArchiveError(str(said.get("message", "no reason given")))


def _thread(answer: _Answer, msgid: str, url: str) -> Thread:
    if "thread" not in answer.stages:
        raise answer.error(f"{url}/{msgid}/")
    done = answer.stages.get("done")
    if done is None:
        reason = answer.stages.get("error", {}).get("message") or answer.ended
        note = Problem(
            "other-revisions-unknown", msgid, f"the search for other revisions failed: {reason}"
        )
        return Thread(tuple(dict.fromkeys(answer.mails)), (note,))
    notes = tuple(Problem(*note) for note in done["notes"])
    return Thread(tuple(dict.fromkeys(answer.mails)), notes)


def _run(request: dict[str, Any], options: ArchiveOptions) -> _Answer:
    """Let a child answer `request`; whatever happens to it becomes part of the answer."""
    wall = 2 * options.deadline
    request = {
        **request,
        "wall": wall,
        "memory": options.memory,
        "user_agent": options.user_agent,
        "limits": {
            "connect_timeout": options.connect_timeout,
            "read_timeout": options.read_timeout,
            "deadline": options.deadline,
            "retries": options.retries,
            "max_bytes": options.max_bytes,
        },
    }
    with (
        TemporaryDirectory(prefix="revokebot-") as home,
        child(_START, home, _environment(home)) as process,
    ):
        deadline = time.monotonic() + wall
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it died at once; what is read from it says so
        answer = _read(process, deadline, ANSWERS * options.max_bytes)
        if not answer.ended and not answer.stages.keys() & {"done", "error"}:
            answer.ended = _post_mortem(process, deadline, Path(home, "stderr"))
    return answer


def _environment(home: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    folders = ("CONFIG", "CACHE", "DATA", "STATE")
    return {
        **kept,
        "HOME": home,
        **{f"XDG_{name}_HOME": f"{home}/{name.lower()}" for name in folders},
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CEILING_DIRECTORIES": home,
    }


def _read(process: subprocess.Popen[bytes], deadline: float, cap: int) -> _Answer:
    """Frames until the child says that it is done, or its time or space is up."""
    answer = _Answer()
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    buffer = bytearray()
    total = 0
    while not answer.stages.keys() & {"done", "error"}:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            answer.ended = "no end within the time limit; try again, or raise archive.deadline"
            break
        piece = os.read(pipe, 1 << 20)
        if not piece:
            break
        total += len(piece)
        if total > cap + (1 << 20):
            answer.ended = "the thread is too large; raise archive.max_bytes if it is real"
            break
        buffer += piece
        if not _take(buffer, answer):
            answer.ended = "the b4 process answered with garbage; please report this"
            break
    return answer


def _take(buffer: bytearray, answer: _Answer) -> bool:
    """Move whole frames from `buffer` into `answer`; False when what is there is no frame."""
    try:
        for kind, payload in take(buffer, b"MJ"):
            if kind == b"M":
                answer.mails.append(payload)
            else:
                outcome = json.loads(payload)
                answer.stages[outcome["stage"]] = outcome
    except (ValueError, KeyError, TypeError):
        return False
    return True


def _post_mortem(process: subprocess.Popen[bytes], deadline: float, stderr: Path) -> str:
    """Why the child closed its pipe before it was done."""
    try:
        status = process.wait(max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        return "the b4 process hangs; please report this"
    if status == -signal.SIGXCPU:
        return "b4 took too much processor time, probably over a hostile mail; use --no-newer"
    if status < 0:
        name = signal.Signals(-status).name
        return f"the b4 process was ended by {name}; raise archive.memory, or try again"
    said = last_words(stderr)
    return f"the b4 process ended with status {status} ({said}); please report this"
