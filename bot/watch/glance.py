# SPDX-License-Identifier: GPL-2.0-or-later
"""What most mails cost: their header, and one search for the words that rules are about.

Pure.  Nothing is parsed but the header; a body that is encoded is decoded
first, since its words can't be seen otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.incoming import Glance, Kind
from bot.orders.parse import may_have_order
from bot.sources.header import fields, parse_date, split_head, unfold
from bot.sources.mail import MAIL_CAP, scan, sender_of
from bot.sources.mime import body_text, transfer_decoded
from bot.sources.subject import Subject, parse_subject
from checks.scope import Scope

__all__ = ["Glancer"]

LINKS = 100
"""Mails that one mail may refer to: the first ones of a longer list, and the last ones."""

LONGEST_AUTHOR = 320
"""Characters; no address that works has more (RFC 5321, 4.5.3.1)."""


class Glancer:
    """Looks at mails with the words of some rules in mind."""

    def __init__(self, scopes: Iterable[Scope]) -> None:
        words = sorted({word for scope in scopes for word in scope.words})
        self._words = re.compile(b"|".join(re.escape(word.encode()) for word in words))

    def __call__(self, raw: bytes) -> Glance:
        """Look at `raw`.  Never raises."""
        head, body = split_head(raw[:MAIL_CAP])
        found = fields(head)
        seen = scan(raw)
        subject = parse_subject(seen.subject)
        patch = not subject.reply and (subject.patch or subject.pull)
        links = tuple(dict.fromkeys((seen.in_reply_to, *reversed(seen.references))))
        links = tuple(link for link in links if link and link != seen.msgid)
        if len(links) > LINKS:
            links = (*links[: LINKS // 2], *links[-LINKS // 2 :])
        if not patch:
            kind = Kind.ORDER if may_have_order(raw) else Kind.REPLY
            return Glance(seen.msgid, kind, links)
        return Glance(
            seen.msgid,
            Kind.PATCH,
            links,
            sender_of(found).email.lower()[:LONGEST_AUTHOR],
            _bucket(subject),
            parse_date(unfold(found.get(b"date", b""))),
            self._words.search(_text(found, body)) is not None,
        )


def _bucket(subject: Subject) -> str:
    if subject.number is None:
        return ""
    return f"{subject.revision} {subject.total} {subject.branch} {subject.resend}"


def _text(found: dict[bytes, bytes], body: bytes) -> bytes:
    """The body in which words can be searched."""
    kind = found.get(b"content-type", b"").lstrip().lower()
    if kind.startswith(b"multipart/") or b"utf-16" in kind:
        return body_text(found, body)[0].encode("utf-8", "replace")
    encoding = found.get(b"content-transfer-encoding", b"").strip().lower()
    return transfer_decoded(body, encoding.decode("latin-1"), [])
