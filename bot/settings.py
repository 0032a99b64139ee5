# SPDX-License-Identifier: GPL-2.0-or-later
"""What an operator can set, with defaults under which nothing leaves the machine.

`bot.config` reads them; the fields' names are the keys of the TOML file.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

__all__ = [
    "CiSettings",
    "DeliverySettings",
    "DkimSettings",
    "OrdersSettings",
    "PolicySettings",
    "ReplySettings",
    "ReviewSettings",
    "Share",
    "StoreSettings",
    "WatchSettings",
]

Share = float
"""A part of a whole, from 0 to 1."""


class ReviewSettings(NamedTuple):
    """What `revokebot review` does when no flag says otherwise."""

    tree: Path | None = None
    """Kernel git tree, bare or not, whose blobs the diffs are looked up in."""
    edition: str = "auto"
    """Edition of the contract; `auto` recognises it from tree or series."""
    select: tuple[str, ...] = ()
    """Ids or topics of the rules to run; empty for all."""
    ignore: tuple[str, ...] = ()
    """Ids or topics of rules not to run."""
    fail_on: str = "warning"
    """Lowest severity that makes the exit status 1, or `never`."""
    format: str = "text"
    """`text` for a terminal, `jsonl` for programs, `mail` for the replies as an mbox."""
    link_mask: str = "https://lore.kernel.org/r/%s"
    """URL of a message that is cited; `%s` is its message-id."""


class ReplySettings(NamedTuple):
    """Who a reply says it is from.  The defaults can be mistaken for nobody."""

    name: str = "revokebot"
    """Name in `From:`."""
    address: str = "revokebot@localhost"
    """Address in `From:`; its domain ends the Message-IDs."""
    operator: str = ""
    """Who runs the bot and hears complaints: a name and an address, for the footer."""
    homepage: str = ""
    """URL that explains the bot, for the footer."""


class PolicySettings(NamedTuple):
    """What may be mailed, about what, and to whom (docs/etiquette.md)."""

    post: str = "draft"
    """`off`: nothing leaves, approved or not; `draft`: only what a person approved; `send`.

    Answers to orders and the operator's digest go with `draft`, too (docs/orders.md).
    """
    lists: tuple[str, ...] = ()
    """List-Ids of the lists that may be written to; with none, nothing is sent unasked."""
    quiet: tuple[str, ...] = ()
    """List-Ids of lists in quiet mode: what would reach one of them stays a draft."""
    authors: tuple[str, ...] = ()
    """Addresses of the only authors that are answered; empty for all."""
    leave: tuple[str, ...] = ()
    """Addresses of authors who asked to be left alone: nothing is ever written to them.

    A message-id leaves the series alone that the mail is of, in every revision, and a
    List-Id leaves a list alone: nothing that would reach it is sent.
    """
    exclude: tuple[str, ...] = ()
    """Addresses that are never put into To or Cc."""
    bots: tuple[str, ...] = ()
    """Addresses of further bots, which are never answered; well-known ones are built in."""
    severity: str = "warning"
    """Lowest severity that is worth a mail."""
    confidence: str = "high"
    """Lowest confidence that is worth a mail."""
    tell_addressed: bool = False
    """Whether a reply that is written anyway also says what an earlier one told and is gone."""
    embargo_minutes: int = 120
    """How long people have the word first, from the series' date on."""
    max_age_days: int = 14
    """Series older than this are left alone."""
    max_cc: int = 30
    """Addresses in Cc; where there are more, only lists and the author are kept."""
    per_author: int = 3
    """Mails to one author in 24 hours."""
    per_list: int = 20
    """Mails to one list in 24 hours."""
    per_day: int = 40
    """Mails in 24 hours in all."""
    floor: Share = 0.5
    """Share of what a rule told and was addressed, of all that was judged, below which it is muted.

    What a muted rule finds is worth as much as a note; with 0, no rule is muted by itself.
    """
    floor_least: int = 5
    """Findings of a rule that have to be judged before it can be."""
    record_days: int = 365
    """How long what became of a finding counts."""
    muted: tuple[str, ...] = ()
    """Ids of rules that are muted by hand."""
    unmuted: tuple[str, ...] = ()
    """Ids of rules that are never muted by themselves."""


class StoreSettings(NamedTuple):
    """Where reviews and replies are kept."""

    url: str = ""
    """SQLAlchemy URL; empty is SQLite in `$XDG_STATE_HOME/revokebot/revokebot.db`."""
    password_file: Path | None = None
    """File whose first line is the password of PostgreSQL; libpq looks for one by default."""


class DeliverySettings(NamedTuple):
    """How a reply leaves the machine."""

    via: str = "b4"
    """`b4`: as git's sendemail.* says (SMTP or a command); `web`: to git's b4.send-endpoint-web;
    or drafts: `imap`, `maildir`, `mbox`."""
    identity: str = ""
    """`sendemail.identity` to use."""
    path: Path | None = None
    """Maildir or mbox that drafts are put into."""
    imap_url: str = ""
    """Folder that drafts are put into: `imaps://USER@HOST/FOLDER`, or `imap://` for STARTTLS."""
    password_file: Path | None = None
    """File whose first line is the IMAP password; git's credential helper is asked by default."""
    ca_file: Path | None = None
    """PEM file of the authorities that servers are verified by; the system's by default."""
    timeout: float = 30.0
    """Seconds that a server may be silent."""
    deadline: float = 120.0
    """Seconds for one mail in all."""
    lease: float = 300.0
    """Seconds after which a sender that did not report counts as dead; above `deadline`."""
    settle: float = 900.0
    """Seconds that the archive is given to show a mail whose sender died, before it is resent."""
    attempts: int = 8
    """Attempts before a reply is parked as failed."""
    pause: float = 120.0
    """Seconds before the second attempt; each further one waits twice as long, up to 4 hours."""
    sign: str = ""
    """patatt key for outgoing mail, as `patatt.signingkey` has it; empty signs nothing."""


class DkimSettings(NamedTuple):
    """How the signatures of the mails that are answered are looked at."""

    resolvers: tuple[str, ...] = ()
    """Name servers, each ADDRESS or ADDRESS:PORT; with none, the system's."""
    deadline: float = 10.0
    """Seconds that they have for one mail in all; at most 60."""


class OrdersSettings(NamedTuple):
    """Who may tell the bot by mail what to do, beside authors and maintainers (docs/orders.md)."""

    people: tuple[str, ...] = ()
    """Addresses of people who may give orders about every series."""
    operators: tuple[str, ...] = ()
    """Addresses of those who may also release replies, and choose who is written to."""
    digest: bool = True
    """Whether the operators get a mail a day about what waits for them, when something does."""


class WatchSettings(NamedTuple):
    """What `revokebot watch` looks at, how often, and what it may use (docs/operations.md)."""

    inboxes: tuple[str, ...] = ()
    """`https://HOST/LIST/` or a public-inbox's folder (git), `nntp(s)://HOST/GROUP`, or
    `imap(s)://USER@HOST/FOLDER`."""
    backlog: int = 0
    """Mails of an inbox, before the first look at it, that are read, too."""
    interval: float = 300.0
    """Seconds between two looks at an inbox."""
    password_file: Path | None = None
    """File whose first line is the password of inboxes on IMAP servers; git's credential helper
    is asked by default."""
    settle: float = 600.0
    """Seconds after its last part that a series which is not complete is waited for."""
    workers: int = 1
    """Processes that review."""
    time_limit: float = 60.0
    """Seconds that the review of one thread may take."""
    memory: int = 1 << 30
    """Bytes of address space of a process that reviews."""
    attempts: int = 3
    """Times that the review of a thread may fail before it is parked."""
    listen: str = ""
    """ADDRESS:PORT of metrics and health, on the loopback; with none, no port is opened."""
    log: str = "text"
    """`text` for people and the journal, `json` for programs: one line an event, on stderr."""
    keep_days: int = 30
    """How long mails are kept that lead to no review (docs/retention.md)."""
    keep_reviewed_days: int = 365
    """How long the mails of reviewed series are kept."""


class CiSettings(NamedTuple):
    """How `revokebot ci` speaks to a forge or to Patchwork (docs/ci.md)."""

    context: str = "revokebot"
    """Name of the check, and the mark in comments: two bots on one pull request need two."""
    patchwork: str = ""
    """URL of the Patchwork that checks are posted to."""
    line_comments: int = 10
    """Comments on lines; what is more is told in the one comment that is always there."""
    token_file: Path | None = None
    """File whose first line is the token; by default it is in the environment."""
    ca_file: Path | None = None
    """PEM file of the authorities that servers are verified by; the system's by default."""
    timeout: float = 30.0
    """Seconds that a server may be silent."""
    deadline: float = 300.0
    """Seconds for one request in all, with what the server asks us to wait."""
