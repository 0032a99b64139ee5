# SPDX-License-Identifier: GPL-2.0-or-later
"""Whom a reply goes to: the author, and in Cc everyone else whom the patch mail went to.

No address is added that does not stand in the mail.  Each one that is left
out is kept with the reason; addresses are compared whole, never in part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bot.lists import STABLE, is_list
from bot.model import Address, Mail
from bot.outgoing import Recipients
from bot.settings import PolicySettings, ReplySettings
from checks.source.pattern import pattern

__all__ = ["is_bot", "lowered", "recipients", "usable"]

KNOWN_BOTS = frozenset({
    "bluez.test.bot@gmail.com",
    "bot@kernel.org",
    "bot@kernelci.org",
    "kernelci@kernel.org",
    "lkp@intel.com",
    "patchwork-bot@kernel.org",
    "patchwork@emeril.freedesktop.org",
    "pr-tracker-bot@kernel.org",
    "robot@bytheb.org",
    "syzbot@syzkaller.appspotmail.com",
    "tip-bot2@linutronix.de",
})  # fmt: skip
"""Programs that mail the kernel's lists, without the `+tag` that some of them put on."""

BOT_NAMES = ("kernel test robot", "sashiko")
"""How the names of bots begin that write from more than one address."""

_EMAIL = pattern(
    r"(?=[^@]{1,200}@[^@]{1,250}$)(?!.*=\?)"
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
)
"""RFC 5322 3.4.1 without quoting, comments and literals; nor what looks like an encoded word."""
_DEVNULL = pattern(r"devnull(?:[+-].*)?|(?:no|do-?not)[-_.]?reply(?:[-_.+].*)?")
_NOREPLY_HOST = pattern(r"(?:.*\.)?no-?reply\..*")
_BOUNCES = pattern(r"mailer-daemon|(?:.*[-+])?bounces?(?:[-+=].*)?")
_COMMANDS = pattern(
    r"majordomo|owner-.*|.*-(?:owner|request|leave|join)|.*[-+](?:un)?subscribe(?:[-+=].*)?"
)


def recipients(mail: Mail, reply: ReplySettings, policy: PolicySettings) -> Recipients:
    """Whom the reply to `mail` goes to.

    To is the author; where he has no usable address, the next of the mail's
    addresses.  It is empty when nobody is left.
    """
    refusal = _refusals(reply, policy)
    kept: list[Address] = []
    left_out: list[tuple[str, str]] = []
    for address in _once(mail):
        reason = refusal(address)
        if reason:
            left_out.append((address.email, reason))
        else:
            kept.append(address)
    to, cc = tuple(kept[:1]), kept[1:]
    if len(cc) > policy.max_cc:
        cc, surplus = _lists_first(cc, policy.max_cc)
        reason = f"more than {policy.max_cc} addresses in Cc: only lists are kept"
        left_out.extend((address.email, reason) for address in surplus)
    return Recipients(to, tuple(cc), tuple(left_out))


def is_bot(address: Address, further: frozenset[str] = frozenset()) -> bool:
    """Whether `address` is that of a well-known bot, or one of `further` (lower case)."""
    email = address.email.strip().lower()
    local, at, host = email.rpartition("@")
    return (
        local.partition("+")[0] + at + host in KNOWN_BOTS
        or email in further
        or address.name.strip().lower().startswith(BOT_NAMES)
    )


def usable(email: str) -> bool:
    """Whether `email` is an address that a person may read."""
    return bool(_EMAIL.fullmatch(email)) and not _nobody(email.lower())


def lowered(addresses: tuple[str, ...]) -> frozenset[str]:
    """`addresses` as they are compared."""
    return frozenset(address.strip().lower() for address in addresses)


def _once(mail: Mail) -> Iterator[Address]:
    """The author and all others that `mail` names, each once."""
    seen: set[str] = set()
    for address in (mail.author, *mail.reply_to, mail.sender, *mail.to, *mail.cc):
        email = address.email.strip()
        if email.lower() not in seen:
            seen.add(email.lower())
            yield Address(address.name, email)


def _refusals(reply: ReplySettings, policy: PolicySettings) -> Callable[[Address], str]:
    """A function that tells why an address is left out; empty when it isn't."""
    own = reply.address.strip().lower()
    bots, exclude, leave = lowered(policy.bots), lowered(policy.exclude), lowered(policy.leave)

    def refusal(address: Address) -> str:
        email = address.email
        lower = email.lower()
        if not _EMAIL.fullmatch(email):
            return "not a valid address"
        if lower == own:
            return "our own address"
        if lower in exclude:
            return "excluded by policy.exclude"
        if lower in leave:
            return "asked to be left alone (policy.leave)"
        if is_bot(address, bots):
            return "a bot"
        if lower in STABLE:
            return "takes no discussion"
        return _nobody(lower)

    return refusal


def _nobody(lower: str) -> str:
    local, _, host = lower.rpartition("@")
    if _DEVNULL.fullmatch(local) or _NOREPLY_HOST.fullmatch(host):
        return "nobody reads it"
    if _BOUNCES.fullmatch(local):
        return "an address for bounces"
    if _COMMANDS.fullmatch(local):
        return "a list's address for commands"
    return ""


def _lists_first(cc: list[Address], most: int) -> tuple[list[Address], list[Address]]:
    """The lists among `cc`, not more than `most`, and the rest."""
    kept: list[Address] = []
    surplus: list[Address] = []
    for address in cc:
        fits = len(kept) < most and is_list(address.email)
        (kept if fits else surplus).append(address)
    return kept, surplus
