# SPDX-License-Identifier: GPL-2.0-or-later
"""What has become of each finding: new, said before, said by others, mended, or put right.

Pure: all that is known comes as arguments.  It chooses no recipients and no
words beyond one line of reason, and it sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bot.landing import shown
from bot.model import Review
from bot.outgoing import NOTHING, Earlier, Entry, Mention, Said, Status
from bot.pairing import pair
from bot.remarks import Thread
from checks.api import Finding, Patch, Series
from checks.source.vocabulary import canonical

__all__ = ["carry", "ledger"]


class Known(NamedTuple):
    """A finding of an earlier revision, and what is known of it since it first came up."""

    finding: Finding
    told: tuple[Mention, ...] = ()
    """The mails of ours that told it, the first one first."""
    answered: Said | None = None
    """What a person answered to somebody else's remark at its place."""
    fingerprints: tuple[str, ...] = ()
    """Those that it had, oldest first."""


def ledger(
    review: Review,
    earlier: Sequence[Earlier],
    said: Sequence[Said],
    dismissed: Mapping[str, str] = NOTHING,
    here: Mapping[str, str] = NOTHING,
) -> tuple[Entry, ...]:
    """Tell what has become of every finding of `review`, in its order, then of the earlier ones.

    Parameters
    ----------
    earlier: the older revisions of the series; their order does not matter
    said: what the threads of all revisions say
    dismissed: fingerprints that the operator does not want to hear of, with the reason
    here: fingerprints that a mail of ours has told for this very revision, with its message-id
    """
    present, gone = carry(earlier)
    found = review.findings
    matches = _match(found, present, gone)
    thread = Thread(review.posting.series.patches, said)
    mended = _mended(review.posting.series.patches, found)
    entries = [
        _entry(finding, matches.get(at), thread, mended.get(at, 0), dismissed, here)
        for at, finding in enumerate(found)
    ]
    kept = {id(known) for known in matches.values()}
    entries += _addressed((one for one in present if id(one) not in kept), review, dismissed)
    return tuple(entries)


def carry(earlier: Iterable[Earlier]) -> tuple[list[Known], list[Known]]:
    """Follow findings through the revisions: those of the last one, and those gone before it."""
    present: list[Known] = []
    gone: list[Known] = []
    for one in sorted(earlier, key=lambda one: one.revision):
        matches = _match(one.findings, present, gone)
        kept = {id(known) for known in matches.values()}
        gone = [known for known in (*gone, *present) if id(known) not in kept]
        present = [_grown(finding, matches.get(at), one) for at, finding in enumerate(one.findings)]
    return present, gone


def _grown(finding: Finding, before: Known | None, one: Earlier) -> Known:
    before = before or Known(finding)
    told: dict[str, Mention] = {}
    for mail in (*before.told, *one.told.get(finding.fingerprint, ())):
        told.setdefault(mail.msgid, mail)
    return Known(
        finding,
        tuple(sorted(told.values(), key=lambda mail: mail.revision)),
        before.answered or one.answered.get(finding.fingerprint),
        (*before.fingerprints, finding.fingerprint),
    )


def _match(
    found: Sequence[Finding], present: Sequence[Known], gone: Sequence[Known]
) -> dict[int, Known]:
    """For findings by their index, the earlier one; those long gone only where surely the same."""
    now = pair(found, [known.finding for known in present])
    matches = {at: present[then] for at, then in now.items()}
    rest = [at for at in range(len(found)) if at not in matches]
    back = pair([found[at] for at in rest], [known.finding for known in gone], sure=True)
    matches.update((rest[at], gone[then]) for at, then in back.items())
    return matches


def _entry(
    finding: Finding,
    known: Known | None,
    thread: Thread,
    mended: int,
    dismissed: Mapping[str, str],
    here: Mapping[str, str],
) -> Entry:
    known = known or Known(finding)
    for fingerprint in (finding.fingerprint, *known.fingerprints[::-1]):
        if fingerprint in dismissed:
            return Entry(finding, Status.DISMISSED, dismissed[fingerprint])
    if mended:
        return Entry(finding, Status.MENDED, f"mended by patch {mended}")
    if remark := thread.remark(finding):
        who = "us, in this thread" if remark.own else _name(remark)
        return Entry(finding, Status.SAID, f"said by {who}", remark.msgid)
    if finding.fingerprint in here:
        return Entry(finding, Status.SAID, "said by us, in this thread", here[finding.fingerprint])
    first = known.told[0] if known.told else None
    if first and (answer := thread.answer(known.told)):
        reason = f"answered by {_name(answer)} when told for v{first.revision}"
        return Entry(finding, Status.SAID, reason, answer.msgid, first.revision)
    if known.answered:
        reason = f"answered by {_name(known.answered)} when others said it"
        return Entry(finding, Status.SAID, reason, known.answered.msgid)
    if first is None:
        return Entry(finding, Status.NEW, "not told before")
    reason = f"first told for v{first.revision}"
    return Entry(finding, Status.STANDING, reason, first.msgid, first.revision)


def _addressed(
    missing: Iterable[Known], review: Review, dismissed: Mapping[str, str]
) -> Iterator[Entry]:
    """What is gone; nothing of what may only have been overlooked."""
    series = review.posting.series
    whole = series.complete and all(
        file.damage is None for patch in series.patches for file in patch.change.all_files
    )
    crashed = {problem.where for problem in review.errors if problem.kind == "rule-crashed"}
    for known in missing if whole else ():
        if known.finding.rule in crashed:
            continue
        told = known.told if dismissed.keys().isdisjoint(known.fingerprints) else ()
        mention = told[0].msgid if told else ""
        reason = f"addressed in v{series.revision}"
        yield Entry(known.finding, Status.ADDRESSED, reason, mention, series.revision)


def _name(remark: Said) -> str:
    return remark.author.name or remark.author.email


NEAR = 3
"""Lines between where one was taken away and where it is given back, at most."""


def _mended(patches: Sequence[Patch], found: Sequence[Finding]) -> dict[int, int]:
    """By index of a finding, the later patch that takes its line away again, or gives it back."""
    undone = {patch.number: _undone(patch) for patch in patches[1:]} if found else {}
    numbers = ((at, _mended_by(finding, patches, undone)) for at, finding in enumerate(found))
    return {at: number for at, number in numbers if number and _lone(patches, found[at])}


Undone = Mapping[str, tuple[str, Mapping[str, frozenset[str]]]]
"""By the path of a file before a patch: its path after, and the lines that are undone, by sign."""


def _mended_by(finding: Finding, patches: Sequence[Patch], undone: Mapping[int, Undone]) -> int:
    """Number of the first patch after that of `finding` that undoes its line; 0 for none."""
    sign, text, path = finding.line_text[:1], finding.line_text[1:], finding.file
    if not any(map(str.isalnum, text)):
        return 0
    for patch in patches:
        if patch.number > finding.patch.number and path in undone[patch.number]:
            path, lines = undone[patch.number][path]
            if text in lines.get(sign, ()) and (sign == "+" or _there(finding, patches, patch)):
                return patch.number
    return 0


def _there(finding: Finding, patches: Sequence[Patch], back: Patch) -> bool:
    """Whether `back` adds the line near to where it was taken away, not only somewhere."""
    before = tuple(patch for patch in patches if patch.number < back.number)
    spot = shown(finding, Series("", "", 1, before, len(before)))
    for file in back.change.files:
        at = 0
        for line in file.lines if file.diff.old_path == spot.path else ():
            at = line.old or at
            if line.whole == f"+{finding.line_text[1:]}" and abs(at + 1 - spot.line) <= NEAR:
                return True
    return False


def _undone(patch: Patch) -> Undone:
    """What `patch` takes away of what was added, and adds of what was taken away.

    Lines that it moves or renames are not among them.
    """
    found = {}
    for file in patch.change.all_files:
        if file.damage is None and (before := file.diff.old_path):
            added = {canonical(line.text) for line in file.added}
            removed = {canonical(line.text) for line in file.removed}
            gone = (line.text for line in file.removed if canonical(line.text) not in added)
            back = (line.text for line in file.added if canonical(line.text) not in removed)
            lines = {"+": frozenset(gone), "-": frozenset(back)}
            found[before] = file.diff.new_path or before, lines
    return found


def _lone(patches: Sequence[Patch], finding: Finding) -> bool:
    """Whether its patch has such a line once only: else it is open which one was undone."""
    for patch in patches:
        if patch.number == finding.patch.number and (file := patch.change.file(finding.file)):
            return sum(line.whole == finding.line_text for line in file.lines) == 1
    return False
