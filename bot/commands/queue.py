# SPDX-License-Identifier: GPL-2.0-or-later
"""Show the replies of the outbox, and let a person decide what becomes of them.

Nothing is sent but by `send`, which sends what is approved and due.  What came
from a mail is shown with its control characters written out.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.commands import dismissing, ordered
from bot.commands.dismissing import number
from bot.commands.output import write_mbox
from bot.config import load
from bot.errors import BotError, UsageError
from bot.outbox.edited import edited
from bot.outgoing import Draft, State
from bot.render.plain import escape, one_line
from bot.store import Store

__all__ = ["add", "run"]

WAITING = (State.DRAFT, State.APPROVED, State.SENDING, State.FAILED)
WEEK = timedelta(days=7)
FORGOTTEN = "its text is not kept any more (docs/retention.md); a list archive has what was sent"


def add(parser: ArgumentParser) -> None:
    """Name the actions of `revokebot queue` and their flags."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    shown = actions.add_parser("list", help="list what waits, and what did not reach all (default)")
    shown.add_argument("--all", action="store_true", help="list the sent and discarded, too")
    shown.add_argument("--state", choices=[state.value for state in State], action="append")
    for name, text in (
        ("show", "show one reply with its mail"),
        ("edit", "edit the mail of a draft in $GIT_EDITOR, $VISUAL or $EDITOR"),
    ):
        actions.add_parser(name, help=text).add_argument("id", type=number, metavar="ID")
    for name, text in (
        ("approve", "let drafts be sent"),
        ("discard", "never send these"),
        ("retry", "try failed replies again"),
        ("export", "write replies into an mbox"),
    ):
        actions.add_parser(name, help=text).add_argument("id", type=number, nargs="+", metavar="ID")
    actions.choices["discard"].add_argument("--reason", default="discarded by hand")
    actions.choices["export"].add_argument("--to-mbox", metavar="FILE", required=True)
    stop = actions.add_parser("stop", help="let no sender take any reply, until `start`")
    stop.add_argument("reason", nargs="?", default="stopped by hand")
    actions.add_parser("start", help="let senders take replies again")
    dismissing.add(actions)
    ordered.add(actions)
    actions.add_parser("send", help="send what is approved and due")


def run(args: Namespace) -> int:
    """Do what the action says."""
    action = args.action or "list"
    settings = load(args.config)
    with Store.open(settings.store) as store:
        if action == "list":
            _list(store, args)
        elif action == "show":
            _show(store.draft(args.id))
        elif action == "edit":
            _edit(store, args.id)
        elif action == "export":
            _export(store, args.id, args.to_mbox)
        elif action == "stop":
            store.stop(args.reason)
            print("stopped; `revokebot queue start` lets replies go again")
        elif action == "start":
            store.start()
            print("started")
        elif action == "send":
            from bot.commands.sending import send_due

            return send_due(settings, store)
        elif action in dismissing.ACTIONS:
            dismissing.run(store, action, args, datetime.now(UTC))
        elif action in ordered.ACTIONS:
            ordered.run(store, action, args)
        else:
            return _decide(store, action, args)
    return 0


def _list(store: Store, args: Namespace) -> None:
    chosen = getattr(args, "state", None)
    states = tuple(map(State, chosen)) if chosen else WAITING
    if getattr(args, "all", False):
        states = tuple(State)
    stopped = store.stopped()
    if stopped is not None:
        print(f"all is stopped: {one_line(stopped)}")
    drafts = store.drafts(states)
    if states == WAITING:
        # What did not reach everybody is looked at, too; after a week it is history.
        lately = datetime.now(UTC) - WEEK
        drafts += [draft for draft in store.drafts((State.SENT,), lately) if draft.refused]
    for draft in drafts:
        print(f"{draft.id:>5} {draft.state.value:<9} {one_line(draft.subject)}")
        until = f" (not before {_due(draft)})" if _due(draft) else ""
        print(f"      {_when(draft.changed)}: {one_line(draft.reason)}{until}")


def _due(draft: Draft) -> str:
    """Before when it does not go; empty for one that has gone, or waits for a person."""
    if draft.state is not State.APPROVED or draft.not_before is None:
        return ""
    return _when(draft.not_before)


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _show(draft: Draft) -> None:
    lines = [
        f"reply:      {draft.id}",
        f"state:      {draft.state.value} since {_when(draft.changed)}",
        f"reason:     {draft.reason}",
        f"attempts:   {draft.attempts}",
        f"answers:    {draft.parent}",
        f"recipients: {', '.join(draft.envelope.recipients)}",
    ]
    if draft.dkim:
        lines.insert(5, f"signature:  {draft.dkim}")
    if _due(draft):
        lines.append(f"not before: {_due(draft)}")
    lines += [f"refused:    {email}: {words}" for email, words in draft.refused.items()]
    print("\n".join(map(one_line, lines)))
    text = draft.envelope.raw.decode("utf-8", "replace")
    print("\n" + escape(text or f"{FORGOTTEN}\n"), end="")


def _decide(store: Store, action: str, args: Namespace) -> int:
    """Do it to all; what one reply does not allow is told, and does not stop the others."""
    now = datetime.now(UTC)
    status = 0
    for id_ in dict.fromkeys(args.id):
        try:
            if action == "approve":
                store.approve(id_, now)
            elif action == "retry":
                store.retry(id_, now)
            else:
                store.discard(id_, now, args.reason)
        except UsageError as err:
            print(f"revokebot: {one_line(str(err))}", file=sys.stderr)
            status = err.status
        else:
            print(f"reply {id_} is {store.draft(id_).state.value}")
    return status


def _export(store: Store, ids: list[int], path: str) -> None:
    drafts = [store.draft(id_) for id_ in dict.fromkeys(ids)]
    for draft in drafts:
        if not draft.envelope.raw:
            raise UsageError(f"reply {draft.id}: {FORGOTTEN}; leave it out")
    write_mbox(path, (draft.envelope.raw for draft in drafts))
    print(f"wrote {len(drafts)} to {one_line(path)}; their states are as before")


def _edit(store: Store, id_: int) -> None:
    draft = store.draft(id_)
    if draft.state is not State.DRAFT:
        raise UsageError(f"reply {id_} is {draft.state.value}; only a draft can be edited")
    handle, name = tempfile.mkstemp(prefix=f"revokebot-{id_}-", suffix=".eml")
    path = Path(name)
    with open(handle, "wb") as file:
        file.write(draft.envelope.raw)
    editor, status = _run_editor(path)
    wrong = f"the editor `{editor}` ended with {status}" if status else ""
    if not path.is_file():
        wrong = wrong or f"the editor `{editor}` left no {path}"
    elif (raw := path.read_bytes()) != draft.envelope.raw:
        _keep_edited(store, draft, path, raw, wrong)
        print(f"reply {id_} is edited; `revokebot queue approve {id_}` lets it be sent")
        return
    path.unlink(missing_ok=True)
    if wrong:
        raise UsageError(f"{wrong}; nothing was changed")
    print(f"reply {id_} is as before")


def _keep_edited(store: Store, draft: Draft, path: Path, raw: bytes, wrong: str) -> None:
    """Put the edited mail into the outbox; where that can't be, the text stays at `path`."""
    try:
        if wrong:
            raise UsageError(wrong)
        store.replace(draft.id, draft.envelope.raw, *edited(draft, raw), datetime.now(UTC))
    except BotError as err:
        raise UsageError(f"{err}; nothing was changed, your text is in {path}") from err
    path.unlink()


def _run_editor(path: Path) -> tuple[str, int]:
    """Run the editor as git does: its value is words for the shell, and ^C is for it alone."""
    names = ("GIT_EDITOR", "VISUAL", "EDITOR")
    editor = next((os.environ[name] for name in names if os.environ.get(name)), "vi")
    keys = (signal.SIGINT, signal.SIGQUIT)
    # Not SIG_IGN, which the editor would inherit.
    before = [signal.signal(key, lambda *_: None) for key in keys]
    try:
        command = ["/bin/sh", "-c", f'{editor} "$@"', editor, str(path)]
        return editor, subprocess.run(command, check=False).returncode
    finally:
        for key, handler in zip(keys, before, strict=True):
            signal.signal(key, handler)
