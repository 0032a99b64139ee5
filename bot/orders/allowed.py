# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a person may give an order, by the address in `From:`; pure.

That the mail is really from there is for its signature to say (`bot.attest`).
What else names a person in it (Reply-To, Sender, a relay's fields) counts for
nothing here, since no signature says that it is true.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.model import Mail
from bot.orders.model import Asked, Order
from bot.outgoing import Kind
from bot.recipients import is_bot, lowered
from bot.settings import OrdersSettings, PolicySettings
from bot.sources.subject import parse_subject

__all__ = ["COVERED", "deaf_to", "refusal"]

COVERED = ("date", "subject")
"""Fields that the signature has to cover, so that nobody can send an old order as a new one.

Many servers sign no In-Reply-To, so the subject says which thread is meant.
"""
MAX_AGE = timedelta(days=30)
"""An older order is not obeyed; `heard` has to be kept for longer."""
SKEW = timedelta(days=1)
"""How far ahead the clock of a person may be."""
OPERATORS = frozenset({"approve", "discard", "leave", "return"})
THREADLESS = frozenset({"stop", "start"})


def deaf_to(mail: Mail, own: str, policy: PolicySettings, now: datetime) -> str:
    """Why no order in `mail` is heard, whoever sent it; empty when they are.

    Parameters
    ----------
    own: the bot's address
    now: aware
    """
    if mail.sender.email.lower() == own.strip().lower():
        return "the mail is our own"
    if mail.automatic:
        return f"a program sent the mail (Auto-Submitted: {mail.auto_submitted[:40]})"
    if is_bot(mail.sender, lowered(policy.bots)):
        return "a bot sent the mail"
    if any(problem.kind == "no-message-id" for problem in mail.problems):
        return "the mail has no Message-ID"
    if mail.date is None:
        return "the mail has no date"
    if not -SKEW <= now - mail.date <= MAX_AGE:
        return f"the mail is dated {mail.date:%Y-%m-%d}, and orders hold for {MAX_AGE.days} days"
    return ""


def refusal(
    order: Order,
    asked: Asked,
    mail: Mail,
    settings: OrdersSettings,
    own: str,
    maintainers: Callable[[], frozenset[str]],
) -> str:
    """Why the sender of `mail` may not give `order`; empty when he may.

    Parameters
    ----------
    own: the bot's address
    maintainers: gives the people of MAINTAINERS for the series, lower case; asked last
    """
    if order.wrong:
        return order.wrong
    if order.word in OPERATORS:
        return "" if asked.operator else f"{order.word} is for the operator alone"
    answered = asked.answered
    review = answered is not None and answered.kind is Kind.REVIEW and bool(answered.series)
    if order.word in THREADLESS and order.target == "author" and not review:
        addressed = own.strip().lower() in {one.email.lower() for one in (*mail.to, *mail.cc)}
        return "" if addressed else "the mail answers none of ours, nor is it to us"
    if order.word == "explain" and asked.operator:
        return ""
    if answered is None or not review:
        return "the mail answers none of ours about a series"
    if _named(mail.subject) != _named(answered.subject):
        return "its Subject is not that of the mail that it answers"
    if asked.operator or asked.author in {answered.author, *lowered(settings.people)}:
        return ""
    if asked.author in maintainers():
        return ""
    return f"{asked.author} is neither the author nor a maintainer of what the series touches"


def _named(subject: str) -> tuple[str, int, int | None]:
    """What a subject names, whatever its prefixes are."""
    parsed = parse_subject(subject)
    return " ".join(parsed.title.split()).lower(), parsed.revision, parsed.number
