# SPDX-License-Identifier: GPL-2.0-or-later
"""b4's own reading of a quoted diff, in a process of its own: b4 changes the globals of its process."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from functools import cache
from typing import Any

__all__ = ["comments"]

CHILD = """
import json, sys
from b4.review._review import _extract_comments_from_quoted_reply, _resolve_comment_positions
for line in sys.stdin:
    text, diff = json.loads(line)
    found = _extract_comments_from_quoted_reply(text)
    if diff:
        _resolve_comment_positions(diff, found)
    print(json.dumps(found), flush=True)
"""


def comments(text: str, diff: str = "") -> list[dict[str, Any]]:
    """The comments that b4 finds in `text`; with `diff`, at their lines in that."""
    child = _child()
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps([text, diff]) + "\n")
    child.stdin.flush()
    found: list[dict[str, Any]] = json.loads(child.stdout.readline())
    return found


@cache
def _child() -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(child.kill)
    return child
