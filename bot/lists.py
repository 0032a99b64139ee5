# SPDX-License-Identifier: GPL-2.0-or-later
"""Which mailing lists a mail reaches, by List-Id, and which of its addresses may be one unknown.

A List-Id is made of an address only where the host is known to build them that
way; any other address that looks like a list is reported, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.model import Mail
from checks.source.pattern import pattern

__all__ = ["is_list", "list_id_of", "lists_of", "named", "reached", "unknown_lists"]

HOSTS = frozenset({
    "alsa-project.org",
    "googlegroups.com",
    "kvack.org",
    "lists.freedesktop.org",
    "lists.infradead.org",
    "lists.linaro.org",
    "lists.linux-foundation.org",
    "lists.linux.dev",
    "lists.linuxfoundation.org",
    "lists.oasis-open.org",
    "lists.ozlabs.org",
    "lists.sourceforge.net",
    "lists.xenproject.org",
    "st-md-mailman.stormreply.com",
    "vger.kernel.org",
})  # fmt: skip
"""Hosts of lists (beside people, for `MIXED`) that make the List-Id `local.host`."""

MIXED = frozenset({"alsa-project.org", "kvack.org"})
"""Those of `HOSTS` where people have addresses too: only names such as `linux-mm` are lists."""

DIFFERENT = {
    "driverdev-devel@driverdev.osuosl.org": "driverdev-devel.linuxdriverproject.org",
    "intel-wired-lan@lists.osuosl.org": "intel-wired-lan.osuosl.org",
    "intel-wired-lan@osuosl.org": "intel-wired-lan.osuosl.org",
}
"""Address to List-Id where one can't be told from the other."""

STABLE = frozenset({"stable@kernel.org", "stable@vger.kernel.org"})
"""Marks for backports, which take no discussion: replies never go there (`bot.recipients`)."""

MAX_EMAIL = 460
"""Characters; a longer address is never written to (`bot.recipients`), so it is no list either."""

_TRADITIONAL = pattern(r"linux-.+|.+-(?:devel?|dev|list|lists|users|announce|discuss|bugs|commits)")
_LOCAL = pattern(r"[a-z0-9][a-z0-9_-]*")
_LIST_HOST = pattern(
    r"(?:.*[.-])?(?:lists?|mailman\d?|listserv|ml|groups?|vger|lore)\.[a-z0-9.-]+"
    r"|(?:.*\.)?(?:googlegroups\.com|groups\.io|freelists\.org|gnu\.org)"
)


def list_id_of(email: str) -> str:
    """List-Id of the list with the address `email`; empty when it is none that is known."""
    email = email.strip().lower()
    if email in DIFFERENT:
        return DIFFERENT[email]
    local, _, host = email.rpartition("@")
    if host not in HOSTS or not _LOCAL.fullmatch(local):
        return ""
    if host in MIXED and not _TRADITIONAL.fullmatch(local):
        return ""
    return f"{local}.{host}"


def named(email: str) -> str:
    """What an operator writes to allow a list whose List-Id is not known: `local.host`."""
    return email.strip().lower().replace("@", ".")


def is_list(email: str) -> bool:
    """Whether `email` is, or looks like, the address of a list."""
    return bool(list_id_of(email)) or _looks_like_one(email.strip().lower())


def lists_of(mail: Mail) -> tuple[str, ...]:
    """List-Ids of all known lists that `mail` reached: by its List-Id header, To and Cc."""
    found = dict.fromkeys([mail.list_id.strip().lower()])
    found.update(dict.fromkeys(map(list_id_of, _addresses(mail))))
    return tuple(list_id for list_id in found if list_id)


def unknown_lists(mail: Mail) -> tuple[str, ...]:
    """Addresses in To and Cc of `mail` that look like lists without being known ones."""
    candidates = dict.fromkeys(_addresses(mail))
    return tuple(e for e in candidates if not list_id_of(e) and _looks_like_one(e))


def reached(mail: Mail) -> tuple[str, ...]:
    """Names of all lists that `mail` reached, unknown ones as an operator would write them."""
    return tuple(dict.fromkeys((*lists_of(mail), *map(named, unknown_lists(mail)))))


def _addresses(mail: Mail) -> Iterable[str]:
    for address in (*mail.to, *mail.cc):
        # List managers fold headers in the middle of a word: `x@vger. kernel.org` was reached.
        email = "".join(address.email.split()).lower()
        if email not in STABLE:
            yield email


def _looks_like_one(email: str) -> bool:
    local, _, host = email.rpartition("@")
    if host in MIXED or len(email) > MAX_EMAIL:
        return False
    shapes = (_LIST_HOST.fullmatch(host), _TRADITIONAL.fullmatch(local))
    return bool(local) and (host in HOSTS or any(shapes))
