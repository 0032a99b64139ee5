# SPDX-License-Identifier: GPL-2.0-or-later
"""One attempt to deliver, in a child process that is not waited for longer than allowed.

The child has the user's environment, because git's settings and credential
helpers live there, but not the repository that we may stand in.  What the
child has begun is known here at every moment, so that its death is reported
as what it means for the mail.  It knows no way to deliver.
"""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.child import Out, child, die_with_parent, last_words, take
from bot.outgoing import Envelope, Outcome, Result
from bot.settings import DeliverySettings

__all__ = ["ConfigError", "attempt", "begin", "envelope_of"]

DROPPED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_CONFIG")
"""What would tie the child's git to a repository."""
MAX_ANSWER = 1 << 20
FAREWELL = 3.0
"""Seconds that the child has to say goodbye to the server once its answer is here."""


class ConfigError(Exception):
    """In the child: what the operator has set up cannot work; told in one line."""


def attempt(
    script: str, envelope: Envelope, settings: DeliverySettings, facts: Mapping[str, object]
) -> Outcome:
    """Make one attempt to deliver `envelope`.

    Parameters
    ----------
    script: what the child runs, from `bot.child.start`
    facts: what only this way to deliver has to be told
    """
    request = {
        "msgid": envelope.msgid,
        "sender": envelope.sender,
        "recipients": envelope.recipients,
        "raw": base64.b64encode(envelope.raw).decode(),
        "ca_file": str(settings.ca_file.resolve()) if settings.ca_file else None,
        "timeout": settings.timeout,
        "wall": settings.deadline,
        **facts,
    }
    end = time.monotonic() + settings.deadline
    with TemporaryDirectory(prefix="revokebot-") as home:
        with child(script, home, _environment(home)) as process:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it died at once; what is read from it says so
                process.stdin.write(json.dumps(request).encode() + b"\n")
            stages, ended = _stages(process, end)
            if "done" in stages:
                _part(process, min(end, time.monotonic() + FAREWELL))
        if "done" not in stages and not ended:
            ended = f"the sending process died ({last_words(Path(home, 'stderr'))})"
    if "done" in stages:
        done = stages["done"]
        return Outcome(Result(done["result"]), done["words"], done["refused"])
    result = Result.UNKNOWN if "dot" in stages else Result.LATER
    last = list(stages)[-1] if stages else "start"
    return Outcome(result, f"{ended}, after {last}")


def begin() -> tuple[dict[str, Any], Out]:
    """In the child: read the request, and see to it that the process ends."""
    request: dict[str, Any] = json.loads(sys.stdin.readline())
    signal.alarm(int(request["wall"]) + 2)
    threading.Thread(target=die_with_parent, daemon=True).start()
    return request, Out()


def envelope_of(request: Mapping[str, Any]) -> Envelope:
    """In the child: the envelope that `attempt` was given."""
    return Envelope(
        request["msgid"],
        request["sender"],
        tuple(request["recipients"]),
        base64.b64decode(request["raw"]),
    )


def _environment(home: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    return {**kept, "GIT_TERMINAL_PROMPT": "0", "GIT_CEILING_DIRECTORIES": home}


def _stages(process: subprocess.Popen[bytes], end: float) -> tuple[dict[str, dict[str, Any]], str]:
    """What the child has come through, in order, and why no more was waited for."""
    stages: dict[str, dict[str, Any]] = {}
    buffer = bytearray()
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    while "done" not in stages:
        left = end - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            return stages, "no end within delivery.deadline"
        piece = os.read(pipe, 1 << 16)
        buffer += piece
        if not piece or len(buffer) > MAX_ANSWER:
            return stages, ""
        try:
            for _kind, payload in take(buffer, b"J"):
                stage = json.loads(payload)
                stages[stage["stage"]] = stage
        except (ValueError, KeyError, TypeError):
            return stages, "the sending process answered with garbage"
    return stages, ""


def _part(process: subprocess.Popen[bytes], end: float) -> None:
    """Let the child say goodbye to the server, as long as it may."""
    with suppress(subprocess.TimeoutExpired):  # killed on leaving; the answer is known
        process.wait(max(end - time.monotonic(), 0))
