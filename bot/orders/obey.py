# SPDX-License-Identifier: GPL-2.0-or-later
"""Hear the orders in mails, obey those that may be given, and keep what came of each.

All of one mail is done and written down in one transaction (`bot.outbox.hearing`),
so that a crash neither loses an order nor obeys it twice.  Name servers are
asked before that, and only about a mail that would be obeyed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from bot.attest import Attest, attest, passed, unanswered
from bot.config import Settings
from bot.model import Mail
from bot.orders.allowed import COVERED, deaf_to, refusal
from bot.orders.maintainers import maintainers_of
from bot.orders.model import Asked, Heard, Notice, Order
from bot.orders.parse import parse
from bot.recipients import lowered, usable
from bot.render.address import usable_msgid
from bot.render.notice import explanation
from bot.settings import DkimSettings
from bot.sources.mail import parse_mail
from bot.store import Store
from checks import load_rules
from checks.api import Rule

__all__ = ["obey", "signatures"]

PATIENCE = timedelta(days=1)
"""How long a mail is tried again whose signature no name server tells about."""


class _Ear(NamedTuple):
    """What all mails have in common."""

    store: Store
    settings: Settings
    now: datetime
    attest: Attest
    tree_text: Callable[[], str]


def signatures(settings: DkimSettings) -> Attest:
    """What looks at the signatures of mails with orders, for `obey`."""
    return attest(settings, COVERED)


def obey(
    store: Store,
    mails: Sequence[bytes],
    settings: Settings,
    now: datetime,
    look: Attest,
    tree_text: Callable[[], str],
) -> tuple[Heard, ...]:
    """Obey the orders in `mails`, and return what came of each mail that has some.

    Parameters
    ----------
    mails: raw, in order of arrival; those that were heard before are told, not obeyed, again
    now: aware
    look: of `signatures`; it may ask name servers, for seconds
    tree_text: gives the text of MAINTAINERS (`bot.orders.maintainers.read`), empty for none

    Raises what `tree_text` raises; then the mail at hand and those after it are not heard.
    """
    ear = _Ear(store, settings, now, look, tree_text)
    done = (_hear(raw, ear) for raw in mails)
    return tuple(one for one in done if one is not None)


@cache
def _rules() -> dict[str, Rule]:
    return {rule.id: rule for rule in load_rules()}


def _hear(raw: bytes, ear: _Ear) -> Heard | None:
    """What came of one mail; None where it has no order."""
    mail = parse_mail(raw)
    orders = parse(mail.text, _rules())
    if not orders:
        return None
    asked = _asked(raw, mail, ear.settings)
    known = ear.store.known(asked)
    if known.heard is not None:
        return known.heard
    asked = asked._replace(answered=known.answered)
    deaf = deaf_to(mail, ear.settings.reply.address, ear.settings.policy, ear.now)
    judged = [(order, deaf or _refusal(order, asked, mail, ear)) for order in orders]
    if not all(why for _, why in judged):
        verdict = ear.attest(raw, mail)
        if unanswered(verdict) and mail.date is not None and ear.now - mail.date < PATIENCE:
            return Heard(asked.msgid, asked.author, (), again=True)
        if not passed(verdict):
            judged = [(order, why or f"its signature: {verdict}") for order, why in judged]
    wished = (order for order, why in judged if not why)
    asked = asked._replace(answer=_answer(wished, mail, ear))
    return ear.store.hear(asked, judged, ear.now)


def _asked(raw: bytes, mail: Mail, settings: Settings) -> Asked:
    """The mail as the outbox knows it."""
    author = mail.sender.email.strip().lower()
    date = mail.date.isoformat() if mail.date else ""
    content = "\0".join((author, date, mail.text))
    parents = dict.fromkeys((mail.in_reply_to, *reversed(mail.references)))
    return Asked(
        msgid=mail.msgid,
        author=author,
        copy=sha256(raw).hexdigest(),
        content=sha256(content.encode("utf-8", "replace")).hexdigest(),
        parents=tuple(msgid for msgid in parents if msgid),
        operator=author in lowered(settings.orders.operators),
        date=mail.date,
    )


def _refusal(order: Order, asked: Asked, mail: Mail, ear: _Ear) -> str:
    def maintainers() -> frozenset[str]:
        files = asked.answered.files if asked.answered else ()
        return maintainers_of(ear.tree_text()).people(files) if files else frozenset()

    settings = ear.settings
    return refusal(order, asked, mail, settings.orders, settings.reply.address, maintainers)


def _answer(orders: Iterable[Order], mail: Mail, ear: _Ear) -> Notice | None:
    """What is sent to the person who asks; None where nobody does, or can't be answered."""
    asked_for = dict.fromkeys(order.target for order in orders if order.word == "explain")
    rules = [_rules()[name] for name in asked_for]
    if not rules or not usable(mail.sender.email) or not usable_msgid(mail.msgid):
        return None
    settings = ear.settings
    return explanation(rules, mail, settings.reply, settings.review.link_mask, ear.now)
