# SPDX-License-Identifier: GPL-2.0-or-later
"""The frozen types on the way out: what to say, whether it may be said, and what became of it.

Review ──► Entry* (bot.ledger) ──► Reply* (bot.render) ──► Verdict (bot.policy)
       ──► Draft (bot.store) ──► Outcome (bot.delivery)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from bot.model import Address
from checks.api import Finding, Problem

__all__ = [
    "Action",
    "Counts",
    "Dismissal",
    "Dismissed",
    "Draft",
    "Earlier",
    "Entry",
    "Envelope",
    "Judged",
    "Kind",
    "Leave",
    "Mention",
    "Outcome",
    "Recipients",
    "Result",
    "Said",
    "Sent",
    "State",
    "Status",
    "Told",
    "Verdict",
    "MAX_LINE",
    "NONE_SENT",
    "NOTHING",
]

MAX_LINE = 998
"""Bytes of a line, without its end; RFC 5322 2.1.1 allows no mail more."""

NOTHING: Mapping[str, str] = {}


class Said(NamedTuple):
    """A remark of somebody else, or of an earlier mail of ours, below a quoted line of a patch."""

    msgid: str
    """Bare message-id of the mail that says it."""
    patch: str
    """Bare message-id of the patch that it answers, directly or further down the thread."""
    author: Address
    own: bool
    """It is a mail of this bot: of its address, or with its headers."""
    bot: bool
    """It is a mail of another program."""
    date: datetime | None
    file: str
    """Path that the quotation is of; empty where the quotation does not tell."""
    line_text: str
    """The last quoted diff line above the remark, with its sign; empty for none."""
    quoted: tuple[str, ...]
    """All diff lines quoted in the block above the remark, with their signs, `> ` taken off."""
    text: str
    """The unquoted words below it, without signature."""
    rules: tuple[str, ...] = ()
    """Of a mail of ours: the rules in its X-Revokebot-Rules."""
    parent: str = ""
    """Bare message-id of the mail that it answers directly."""


class Mention(NamedTuple):
    """A mail of ours that told a finding."""

    msgid: str
    """Bare message-id."""
    revision: int
    """That the mail was about."""
    line_text: str
    """The diff line that it was told below, with its sign; a no may answer it."""


NOT_TOLD: Mapping[str, tuple[Mention, ...]] = {}
NO_ANSWERS: Mapping[str, Said] = {}


class Earlier(NamedTuple):
    """What the bot found in an earlier revision of the same series."""

    revision: int
    msgid: str
    findings: tuple[Finding, ...]
    told: Mapping[str, tuple[Mention, ...]] = NOT_TOLD
    """By fingerprint, the mails that told it for this or an older revision, the first one first."""
    answered: Mapping[str, Said] = NO_ANSWERS
    """By fingerprint, what a person answered to somebody else's remark at its place."""
    date: datetime | None = None
    """Aware; when the revision was sent."""


class Status(StrEnum):
    """What has become of a finding; only `new` and `standing` are said by mail."""

    NEW = "new"
    STANDING = "standing"
    ADDRESSED = "addressed"
    MENDED = "mended"
    SAID = "said"
    DISMISSED = "dismissed"


class Entry(NamedTuple):
    """One line of the ledger: a finding and what has become of it."""

    finding: Finding
    status: Status
    reason: str
    """One line, e.g. `first told for v2`, `mended by patch 5`, `said by A U Thor`."""
    mention: str = ""
    """Bare message-id of the mail that `reason` speaks of; empty for none."""
    revision: int = 0
    """Revision that `reason` speaks of; 0 for none."""

    @property
    def spoken(self) -> bool:
        """Whether it is said by mail."""
        return self.status in (Status.NEW, Status.STANDING)


class Recipients(NamedTuple):
    """To whom a reply goes."""

    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    """Address and reason of each that the patch mail names and the reply does not go to."""

    @property
    def emails(self) -> tuple[str, ...]:
        """All addresses, as for `RCPT TO`."""
        return tuple(address.email for address in (*self.to, *self.cc))


class Action(StrEnum):
    """What may be done with a reply."""

    SEND = "send"
    HOLD = "hold"
    """Later, by itself: the embargo, or a cap of today."""
    DRAFT = "draft"
    """Only when a person approves it."""
    DROP = "drop"
    """Never; it is kept as discarded, with the reason."""


class Sent(NamedTuple):
    """Mails of the last 24 hours, and those that are about to leave."""

    mails: int = 0
    oldest: datetime | None = None
    """Aware; when the first of them went out, None where that is not known."""

    def and_one(self, moment: datetime | None = None) -> Sent:
        """With one mail more, which left at `moment` (aware), or is about to leave."""
        known = [time for time in (self.oldest, moment) if time is not None]
        return Sent(self.mails + 1, min(known, default=None))


NONE_SENT: Mapping[str, Sent] = {}


class Counts(NamedTuple):
    """What the caps of the policy go by."""

    authors: Mapping[str, Sent] = NONE_SENT
    """By the address of the author who is answered, lower case."""
    lists: Mapping[str, Sent] = NONE_SENT
    """By List-Id, lower case."""
    total: Sent = Sent()

    def and_one(self, author: str, lists: Iterable[str]) -> Counts:
        """With one mail more that is about to leave: to `author`, and to `lists`."""
        more = {name: self.lists.get(name, Sent()).and_one() for name in lists}
        return Counts(
            {**self.authors, author: self.authors.get(author, Sent()).and_one()},
            {**self.lists, **more},
            self.total.and_one(),
        )


class Verdict(NamedTuple):
    """The policy's answer, always with its reason."""

    action: Action
    reason: str
    """One line for the operator."""
    until: datetime | None = None
    """Aware; when a held reply may go."""


class State(StrEnum):
    """Where a reply is on its way."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    DISCARDED = "discarded"


class Kind(StrEnum):
    """What a mail of ours is."""

    REVIEW = "review"
    """It tells of a review; all others go to who asked, and nobody else."""
    ANSWER = "answer"
    """To an order by mail (`bot.orders`)."""
    DIGEST = "digest"
    """To the operator, of what waits."""


class Envelope(NamedTuple):
    """One mail and whom the servers are told about."""

    msgid: str
    """Bare message-id, that of the mail's header."""
    sender: str
    """Address for `MAIL FROM`."""
    recipients: tuple[str, ...]
    """Addresses for `RCPT TO`, those of To and Cc."""
    raw: bytes
    """The mail, LF line ends."""


class Judged(NamedTuple):
    """A reply with the policy's verdict, as the outbox takes it."""

    envelope: Envelope
    parent: str
    """Bare message-id of the mail that is answered."""
    subject: str
    verdict: Verdict
    says: tuple[str, ...] = ()
    """Fingerprints of the findings that it tells."""
    dkim: str = ""
    """What is known of the signature of the mail that is answered; empty for nothing."""


class Draft(NamedTuple):
    """A reply as the outbox keeps it."""

    id: int
    envelope: Envelope
    parent: str
    """Bare message-id of the mail that is answered."""
    subject: str
    state: State
    reason: str
    """Why it is in that state: the policy's words, a server's words, a person's."""
    attempts: int
    """Deliveries that were begun."""
    not_before: datetime | None
    """Aware; no delivery before."""
    changed: datetime
    """Aware; when it came into that state."""
    refused: Mapping[str, str] = NOTHING
    """Recipients that a server refused while it took the mail for others, with its words."""
    says: tuple[str, ...] = ()
    """Fingerprints of the findings that it tells."""
    dkim: str = ""
    """What is known of the signature of the mail that is answered; empty for nothing."""
    by_hand: bool = False
    """A person approved it, or discarded it."""
    waits: int = 0
    """Times in a row that it could not even be tried, since the archive could not be asked."""
    kind: Kind = Kind.REVIEW


class Dismissal(NamedTuple):
    """A finding that nobody is to hear of any more."""

    fingerprint: str
    rule: str
    """Id of the rule that found it; empty where that was not kept."""
    reason: str
    """A person's words."""
    recorded: datetime
    """Aware."""
    who: str = ""
    """Address of who said so by mail; empty for the operator at a shell."""


class Dismissed(NamedTuple):
    """A dismissal, and what the outbox still knows of the finding."""

    dismissal: Dismissal
    finding: Finding | None = None
    """As the newest review has it; None where no review has it any more."""
    edition: str = ""
    """That the review went by."""
    told: str = ""
    """Bare message-id of the first mail of ours that told it; empty where none has left."""


class Leave(NamedTuple):
    """Somebody's wish about who is written to, as it came by mail."""

    kind: str
    """`series`, `author` or `list` are left alone; `welcome` is a list that may be written to."""
    what: str
    """Bare message-id of the series, address, or List-Id; the latter two lower case."""
    who: str
    """Address of who asked, lower case."""
    mail: str
    """Bare message-id of the mail that says so."""
    since: datetime
    """Aware."""


class Told(NamedTuple):
    """What the outbox knows of the contents of a reply."""

    findings: tuple[Finding, ...]
    """Those that it tells and its review has; empty when that was not kept."""
    errors: tuple[Problem, ...]
    """Of its review."""
    dismissed: tuple[str, ...] = ()
    """Why something that it tells is not to be told any more, a reason for each finding."""


class Result(StrEnum):
    """How one attempt to deliver ended."""

    SENT = "sent"
    """Taken for at least one recipient."""
    LATER = "later"
    """Not taken, and trying again can help: 4xx, no connection."""
    REFUSED = "refused"
    """Not taken, and trying again cannot help: 5xx, bad TLS, wrong password."""
    UNKNOWN = "unknown"
    """The mail was handed over and no answer came: the archive has to be asked."""


class Outcome(NamedTuple):
    """What became of one attempt."""

    result: Result
    words: str
    """One line: the server's own words where it had any."""
    refused: Mapping[str, str] = NOTHING
    """Refused recipients of a mail that was taken, with the server's words."""
