# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails of ours that tell of no review: what a rule is about, and what waits for the operator.

They go to one person.  No line of them begins with `#revokebot`, so that a mail
program that repeats them without marks gives no order.  Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from bot import __version__
from bot.model import Address, Mail
from bot.orders.model import Notice
from bot.outgoing import Draft, Envelope
from bot.render.address import fold, printable, spelt, usable_msgid
from bot.render.body import clean, who_speaks
from bot.render.links import links
from bot.render.mail import dated, transfer
from bot.render.plain import one_line, wrap
from bot.render.templates import fill
from bot.settings import ReplySettings
from bot.sources.mail import parse_mail
from checks.api import Rule

__all__ = ["digest", "digest_id", "explanation"]

MOST_SHOWN = 30
"""Replies of a digest that are shown."""
MOST_LINES = 12
"""Lines of each."""
MOST_CHARS = 120


def explanation(
    rules: Sequence[Rule], mail: Mail, settings: ReplySettings, link_mask: str, now: datetime
) -> Notice:
    """The answer to `mail` that tells what `rules` are about, to its sender alone.

    Parameters
    ----------
    link_mask: URL of a message, with `%s` for its message-id
    now: aware; what `Date:` says
    """
    values: dict[str, object] = {
        "rules": [
            {
                "title": f"{rule.id}: {rule.title}",
                "rationale": rule.rationale,
                "links": links(rule.meta.sources, link_mask),
            }
            for rule in rules
        ],
        "name": rules[0].id if len(rules) == 1 else "ID",
        "footer": who_speaks(settings.operator, settings.homepage),
    }
    above = [m for m in mail.references if usable_msgid(m) and m != mail.msgid]
    chain = [*dict.fromkeys(above), mail.msgid]
    headers = [
        f"In-Reply-To: <{mail.msgid}>",
        "References: " + "\n ".join(f"<{msgid}>" for msgid in chain),
        "Auto-Submitted: auto-replied",
    ]
    subject = mail.subject if mail.subject[:3].lower() == "re:" else f"Re: {mail.subject}"
    text = fill("explain.txt.j2", values)
    msgid = _msgid(settings, "answer", mail.msgid)
    return _notice(mail.sender, subject, headers, text, msgid, settings, now, mail.msgid)


def digest(waiting: Sequence[Draft], to: str, settings: ReplySettings, now: datetime) -> Notice:
    """What waits for a person, as a mail to the operator `to`; one for each day.

    Parameters
    ----------
    waiting: drafts and failed replies, at least one
    now: aware
    """
    many = len(waiting)
    shown = waiting[:MOST_SHOWN]
    head = "1 reply waits" if many == 1 else f"{many} replies wait"
    values: dict[str, object] = {
        "waiting": head,
        "first": waiting[0].id,
        "shown": [
            {
                "id": draft.id,
                "state": draft.state.value,
                "subject": clean(one_line(draft.subject)),
                "answers": clean(one_line(draft.parent)),
                "reason": wrap(clean(one_line(draft.reason))),
                "lines": list(_first_lines(draft)),
            }
            for draft in shown
        ],
        "more": many - len(shown),
        "footer": who_speaks(settings.operator, settings.homepage),
    }
    text = fill("digest.txt.j2", values)
    msgid = digest_id(to, settings, now)
    headers = ["Auto-Submitted: auto-generated"]
    subject = f"revokebot: {head}"
    return _notice(Address("", to), subject, headers, text, msgid, settings, now, msgid)


def digest_id(to: str, settings: ReplySettings, now: datetime) -> str:
    """Bare message-id of the digest of a day (in UTC) to the operator `to`."""
    return _msgid(settings, "digest", f"{now.astimezone(UTC):%Y-%m-%d}", to)


def _first_lines(draft: Draft) -> Iterator[str]:
    """What the reply says first: quotations go, and what is above them, and empty lines."""
    shown = 0
    for line in parse_mail(draft.envelope.raw).text.split("\n"):
        if line == "-- ":
            return
        if not line.strip() or line.startswith(">") or line.endswith(" wrote:"):
            continue
        if shown == MOST_LINES:
            yield "[...]"
            return
        shown += 1
        yield clean(one_line(line))[:MOST_CHARS]


def _msgid(settings: ReplySettings, *what: str) -> str:
    """The same whenever the same is asked: a resend is no second mail."""
    said = "\0".join((settings.address, *what)).encode("utf-8", "replace")
    domain = settings.address.rpartition("@")[2]
    return f"revokebot-{hashlib.sha256(said).hexdigest()[:32]}@{domain}"


def _notice(
    to: Address,
    subject: str,
    headers: Sequence[str],
    text: str,
    msgid: str,
    settings: ReplySettings,
    now: datetime,
    parent: str,
) -> Notice:
    encoding, content = transfer(text + "\n")
    lines = [
        "From: " + spelt(Address(settings.name, settings.address)),
        "To: " + spelt(to),
        fold("Subject", subject),
        *headers,
        f"X-Revokebot-Version: {__version__}",
        f"Date: {dated(now)}",
        f"Message-ID: <{msgid}>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Transfer-Encoding: {encoding}",
    ]
    raw = "\n".join(lines).encode("ascii") + b"\n\n" + content
    envelope = Envelope(msgid, settings.address, (to.email,), raw)
    return Notice(envelope, printable(subject), parent)
