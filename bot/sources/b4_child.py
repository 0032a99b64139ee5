# SPDX-License-Identifier: GPL-2.0-or-later
"""The child process in which b4 and liblore run; the only module that imports them.

Reads one request, a line of JSON, from stdin and answers on stdout with
frames: a letter, eight bytes of length, and the payload (`M` a mail, `J` a
JSON object that says what has come to an end).  It trusts neither the server
nor b4: it sets its own limits before it imports them, and dies with its
parent.  It reads no configuration of the user and keeps nothing on disk.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from bot.child import Out, die_with_parent
from bot.sources.guard import parents, risk, without_list_tag
from bot.sources.mbox import as_mboxrd
from checks.api import Problem

if TYPE_CHECKING:
    from email.message import EmailMessage

    from liblore import LoreNode

    from bot.sources.bounded_http import BoundedSession

CPU_SECONDS = 20
"""For all that b4 does; the slowest thread seen takes 1.3."""
MOST_OLDER = 50
"""Older revisions asked for; nobody sends as many, but a subject can say v999999999."""
HELP_BYTES = 64 << 10
"""Of the help text, looked at by the probe."""


def main() -> None:
    request = json.loads(sys.stdin.readline())
    _confine(request)
    out = Out()
    from bot.sources.bounded_http import ServerError

    try:
        {"fetch": fetch, "probe": probe}[request["do"]](request, out)
    except ServerError as error:
        out.stage("error", kind="archive", message=str(error))
    except MemoryError:
        out.stage("error", kind="archive", message="out of memory; raise archive.memory")


def _confine(request: dict[str, Any]) -> None:
    """Set the limits of this process, and end it when the parent goes away."""
    seconds = int(request["wall"]) + 1
    cpu = min(CPU_SECONDS, seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_AS, (request["memory"], request["memory"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(seconds)
    threading.Thread(target=die_with_parent, daemon=True).start()


def _session(request: dict[str, Any]) -> BoundedSession:
    from bot.sources.bounded_http import BoundedSession, Limits

    return BoundedSession(Limits(**request["limits"]), request["user_agent"])


def probe(request: dict[str, Any], out: Out) -> None:
    """Ask for the help text, which every public-inbox serves."""
    from bot.sources.bounded_http import ServerError

    url = f"{request['url']}/_/text/help/raw"
    answer = _session(request).get(url)
    text = answer.content[:HELP_BYTES].decode("utf-8", "replace")
    if answer.status_code != 200 or "<html" in text.lower() or "public-inbox" not in text:
        raise ServerError(
            f"{request['url']}: does not answer as a public-inbox (HTTP {answer.status_code});"
            " check archive.url"
        )
    out.stage("done", notes=[])


def fetch(request: dict[str, Any], out: Out) -> None:
    """Send the thread, then what other revisions b4 finds.

    The thread is sent and named complete before b4 sees it: if b4 ends the
    process, the parent has the thread all the same.
    """
    import liblore
    import liblore.utils

    msgid = request["msgid"]
    node = liblore.LoreNode(request["url"], cache_dir=None, follow_upstream=False)
    node.set_requests_session(_session(request))
    try:
        thread = _split(node.get_mbox_by_msgid(msgid))
    except liblore.RemoteError as error:
        kind = "not-found" if error.status_code else "archive"
        out.stage("error", kind=kind, message=str(error))
        return
    if not thread:
        message = f"{request['url']}/{msgid}/: no mail has a Message-ID; check archive.url"
        out.stage("error", kind="archive", message=message)
        return
    out.mails(thread.values())
    out.stage("thread")
    if request["newer"] or request["older"] or request["revision"]:
        notes = _other_revisions(request, node, thread, out)
        out.stage("done", notes=[[note.kind, note.where, note.message] for note in notes])
    else:
        out.stage("done", notes=[])


def _split(mbox: bytes) -> dict[str, bytes]:
    """Raw mails by message-id, `>From` undone; of copies, the one that lists mangled least."""
    import liblore.utils

    mails: dict[str, bytes] = {}
    # The splitter ends every mail with the blank line that parts it from the next.
    for mail in liblore.utils.split_and_dedupe_as_bytes(mbox.removesuffix(b"\n")):
        msgid = _msgid(mail)
        key = msgid if msgid and msgid not in mails else f"{msgid}#{len(mails)}"
        mails[key] = mail[:-1] if mail.endswith(b"\n\n") else mail
    return mails


def _msgid(mail: bytes) -> str:
    import liblore.utils

    head, _blank, _body = mail.partition(b"\n\n")
    return liblore.utils.get_clean_msgid(liblore.utils.parse_message(head + b"\n\n")) or ""


class NodeForB4:
    """What b4's search may see of the node: fit mails only, each kept as it came."""

    def __init__(self, node: LoreNode) -> None:
        self._node = node
        self.hostname = node.hostname
        self.found: dict[str, bytes] = {}
        """Every mail of the last search, withheld ones too."""

    def get_mbox_by_query(self, query: str, *, full_threads: bool, nocache: bool) -> bytes:
        mbox = self._node.get_mbox_by_query(query, full_threads=full_threads, nocache=nocache)
        self.found = _split(mbox)
        return b"".join(as_mboxrd(mail) for mail in _fit(self.found))


def _fit(mails: dict[str, bytes]) -> list[bytes]:
    return [without_list_tag(mail) for mail in mails.values() if not risk(mail)]


def _other_revisions(
    request: dict[str, Any], node: LoreNode, thread: dict[str, bytes], out: Out
) -> list[Problem]:
    """Send the mails of newer and older revisions; return what could not be done."""
    import b4
    import liblore.utils

    notes = [
        Problem("withheld-from-b4", msgid, f"{reason}: not used in the search for other revisions")
        for msgid, mail in thread.items()
        if (reason := risk(mail))
    ]
    masks = dict.fromkeys(("b4.midmask", "b4.linkmask", "b4.searchmask"), f"{request['url']}/%s")
    config = {**masks, "b4.attestation-policy": "off"}
    b4.setup_config(argparse.Namespace(config=config))
    view = NodeForB4(node)
    b4.LORENODE = cast("LoreNode", view)
    messages = [liblore.utils.parse_message(mail) for mail in _fit(thread)]
    for direction, versions in _searches(request, messages):
        which = "newer" if direction > 0 else "older"
        try:
            out.mails(_search(view, list(messages), direction, versions, thread))
        except Exception as error:
            notes.append(
                Problem(
                    f"{which}-revisions-unknown",
                    request["msgid"],
                    f"the search for {which} revisions failed: {error or type(error).__name__}",
                )
            )
    return notes


def _searches(
    request: dict[str, Any], messages: list[EmailMessage]
) -> Iterator[tuple[int, list[int] | None]]:
    """+1 to search for newer revisions, -1 for older ones; and which are meant, None for all."""
    import b4

    subjects = [b4.LoreSubject(str(message["Subject"] or "")) for message in messages]
    present = {subject.revision for subject in subjects if subject.patch and not subject.reply}
    wanted = request["revision"]
    if not present:
        return
    if request["newer"] or (wanted and wanted > max(present)):
        yield 1, None
    # b4 takes None for the one before.
    top = max(present)
    missing = [number for number in range(max(1, top - MOST_OLDER), top) if number not in present]
    if request["older"] and missing:
        yield -1, missing
    elif wanted and wanted < top and wanted not in present:
        yield -1, [wanted]


def _search(
    view: NodeForB4,
    messages: list[EmailMessage],
    direction: int,
    versions: list[int] | None,
    thread: dict[str, bytes],
) -> list[bytes]:
    """Raw mails of the revisions that b4 finds, with the answers to them."""
    import b4
    import b4.mbox
    import liblore.utils

    view.found = {}
    chosen: set[str] = set()
    for message in b4.mbox.get_extra_series(messages, direction, versions, nocache=True):
        msgid = liblore.utils.get_clean_msgid(message) or ""
        if msgid not in thread and not b4.LoreSubject(str(message["Subject"] or "")).reply:
            chosen.add(msgid)
    # b4 adds the answers of every thread it saw, and never saw what was withheld.
    others = {msgid: parents(mail) for msgid, mail in view.found.items() if msgid not in thread}
    size = 0
    while size != len(chosen):
        size = len(chosen)
        chosen |= {msgid for msgid, above in others.items() if above & chosen}
    return [mail for msgid, mail in view.found.items() if msgid in chosen]


if __name__ == "__main__":
    main()
