# SPDX-License-Identifier: GPL-2.0-or-later
"""The record of each rule: of what it told people, how much was addressed and how much dismissed.

Pure.  A finding counts once, in however many revisions it was told.  It is
addressed when a later revision no longer has it.  It is dismissed when the
operator says so, also before any mail told it, or when a person answered the
mail and the next revision still has it: the ledger takes that as a no, too.
What nobody has judged is open, and counts for neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from bot.ledger import Known, carry
from bot.outgoing import Dismissal, Earlier, Status
from bot.settings import PolicySettings

__all__ = ["Past", "Kept", "Record", "muted_by", "tally"]


class Fate(StrEnum):
    """What became of a finding that was told."""

    OPEN = "open"
    ADDRESSED = "addressed"
    DISMISSED = "dismissed"


class Record(NamedTuple):
    """How many findings of a rule were told, and what became of them."""

    told: int = 0
    """By mail."""
    addressed: int = 0
    """Of those."""
    dismissed: int = 0
    """Of those, and of drafts that never left."""
    open: int = 0
    """Of those that were told."""

    @property
    def judged(self) -> int:
        return self.addressed + self.dismissed

    def __str__(self) -> str:
        return f"{self.addressed} of {self.judged} addressed"


class Kept(NamedTuple):
    """A line of the ledger of some revision, as the outbox has kept it."""

    fingerprint: str
    status: Status
    mention: str
    """Bare message-id of the mail that it speaks of; empty for none."""
    revision: int
    """That it speaks of; 0 for none."""


class Past(NamedTuple):
    """All revisions of one series that are kept."""

    earlier: Sequence[Earlier]
    ledger: Sequence[Kept]
    """Of all of them."""


def tally(
    pasts: Iterable[Past],
    sent: Collection[str],
    dismissals: Sequence[Dismissal],
    since: datetime,
) -> dict[str, Record]:
    """Count, by the id of the rule.

    Parameters
    ----------
    sent: bare message-ids of our mails that count; a finding counts that one of them told
    dismissals: all that there are; one of a finding that does not count is counted for itself
    since: aware; a dismissal that is counted for itself is not older
    """
    marks = frozenset(one.fingerprint for one in dismissals)
    fates: Counter[tuple[str, Fate]] = Counter()
    counted: set[str] = set()
    for past in pasts:
        for known, fate in _fates(past, marks):
            if any(mail.msgid in sent for mail in known.told):
                fates[known.finding.rule, fate] += 1
                counted.update(known.fingerprints)
    alone = Counter(
        one.rule
        for one in dismissals
        if one.rule and one.fingerprint not in counted and one.recorded > since
    )
    rules = {rule for rule, _fate in fates} | alone.keys()
    return {rule: _record(rule, fates, alone[rule]) for rule in sorted(rules)}


def _record(rule: str, fates: Mapping[tuple[str, Fate], int], alone: int) -> Record:
    still, addressed, dismissed = (fates[rule, fate] for fate in Fate)
    return Record(still + addressed + dismissed, addressed, dismissed + alone, still)


def _fates(past: Past, dismissed: Collection[str]) -> Iterator[tuple[Known, Fate]]:
    """Every finding of a series, and what has become of it as far as the last revision shows."""
    present, gone = carry(past.earlier)
    for known, away in (*((one, False) for one in present), *((one, True) for one in gone)):
        marks = frozenset(known.fingerprints)
        lines = [line for line in past.ledger if line.fingerprint in marks]
        if not marks.isdisjoint(dismissed):
            yield known, Fate.DISMISSED
        elif away and any(line.status is Status.ADDRESSED and line.mention for line in lines):
            yield known, Fate.ADDRESSED
        elif any(_is_no(line, known) for line in lines):
            yield known, Fate.DISMISSED
        else:
            yield known, Fate.OPEN


def _is_no(line: Kept, known: Known) -> bool:
    """Whether it is left out because a person answered a mail of ours about an earlier revision."""
    ours = {mail.msgid for mail in known.told}
    return line.status is Status.SAID and line.revision > 0 and line.mention not in ours


def muted_by(records: Mapping[str, Record], policy: PolicySettings) -> dict[str, str]:
    """The rules that their record mutes, each with a line that says so."""
    least = max(policy.floor_least, 1)
    return {
        rule: f"rule {rule} is muted: {record}"
        for rule, record in records.items()
        if rule not in policy.unmuted
        and record.judged >= least
        and record.addressed < policy.floor * record.judged
    }
