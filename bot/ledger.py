# SPDX-License-Identifier: GPL-2.0-or-later
"""What has become of each finding: new, said before, said by others, mended, or put right.

Pure: all that is known comes as arguments.  It chooses no recipients and no
words beyond one line of reason, and it sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from bot.model import Review
from bot.outgoing import NOTHING, Earlier, Entry, Said, Status
from bot.pairing import pair
from bot.remarks import Thread
from checks.api import Finding, Patch
from checks.source.vocabulary import canonical

__all__ = ["Known", "carry", "ledger"]


class Known(NamedTuple):
    """A finding of an earlier revision, and what is known of it since it first came up."""

    finding: Finding
    mention: str = ""
    """Bare message-id of our reply that first told it; empty when none did."""
    told_for: int = 0
    """Revision that the reply was to."""
    replies: tuple[tuple[str, str], ...] = ()
    """Each reply of ours that told it, and the line it was told about: what a no may answer."""
    fingerprints: tuple[str, ...] = ()
    """Those that it had, oldest first."""


def ledger(
    review: Review,
    earlier: Sequence[Earlier],
    said: Sequence[Said],
    dismissed: Mapping[str, str] = NOTHING,
) -> tuple[Entry, ...]:
    """Tell what has become of every finding of `review`, in its order, then of the earlier ones.

    Parameters
    ----------
    earlier: the older revisions of the series; their order does not matter
    said: what the threads of all revisions say
    dismissed: fingerprints that the operator does not want to hear of, with the reason
    """
    present, gone = carry(earlier)
    found = review.findings
    matches = _match(found, present, gone)
    thread = Thread(review.posting.series.patches, said)
    mended = _mended(review.posting.series.patches, found)
    entries = [
        _entry(finding, matches.get(at), thread, mended.get(at, 0), dismissed)
        for at, finding in enumerate(found)
    ]
    kept = {id(known) for known in matches.values()}
    revision = review.posting.series.revision
    entries += (
        Entry(known.finding, Status.ADDRESSED, f"addressed in v{revision}", known.mention, revision)
        for known in present
        if id(known) not in kept
    )
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
    mention = one.mentions.get(finding.fingerprint, "")
    before = before or Known(finding)
    return Known(
        finding,
        before.mention or mention,
        before.told_for or (one.revision if mention else 0),
        (*before.replies, (mention, finding.line_text)) if mention else before.replies,
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
    finding: Finding, known: Known | None, thread: Thread, mended: int, dismissed: Mapping[str, str]
) -> Entry:
    for fingerprint in (finding.fingerprint, *(known.fingerprints[::-1] if known else ())):
        if fingerprint in dismissed:
            return Entry(finding, Status.DISMISSED, dismissed[fingerprint])
    if mended:
        return Entry(finding, Status.MENDED, f"mended by patch {mended}")
    if remark := thread.remark(finding):
        who = "us, in this thread" if remark.own else remark.author.name or remark.author.email
        return Entry(finding, Status.SAID, f"said by {who}", remark.msgid)
    if known is None or not known.mention:
        return Entry(finding, Status.NEW, "not told before")
    if answer := thread.answer(known.replies):
        who = answer.author.name or answer.author.email
        reason = f"answered by {who} when told for v{known.told_for}"
        return Entry(finding, Status.SAID, reason, answer.msgid, known.told_for)
    reason = f"first told for v{known.told_for}"
    return Entry(finding, Status.STANDING, reason, known.mention, known.told_for)


def _mended(patches: Sequence[Patch], found: Sequence[Finding]) -> dict[int, int]:
    """By index of a finding, the later patch that takes its line away again."""
    wanted: dict[tuple[str, str], list[int]] = {}
    for at, finding in enumerate(found):
        if finding.line_text.startswith("+") and any(map(str.isalnum, finding.line_text)):
            wanted.setdefault((finding.file, finding.line_text[1:]), []).append(at)
    mended: dict[int, int] = {}
    for patch in patches if wanted else ():
        for path, text in _removed(patch):
            for at in wanted.get((path, text), ()):
                if found[at].patch.number < patch.number:
                    mended.setdefault(at, patch.number)
    return {at: number for at, number in mended.items() if _lone(patches, found[at])}


def _removed(patch: Patch) -> Iterator[tuple[str, str]]:
    """Path before, and text, of the lines that `patch` removes and neither moves nor renames."""
    for file in patch.change.all_files:
        if file.damage is not None:
            continue
        added = {canonical(line.text) for line in file.added}
        for line in file.removed:
            if canonical(line.text) not in added:
                yield file.diff.old_path or file.path, line.text


def _lone(patches: Sequence[Patch], finding: Finding) -> bool:
    """Whether its patch adds such a line once only: else it is open which one was removed."""
    for patch in patches:
        if patch.number == finding.patch.number and (file := patch.change.file(finding.file)):
            return sum(line.whole == finding.line_text for line in file.added) == 1
    return False
