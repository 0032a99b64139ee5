# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bot found in the older revisions of a series, and in which mails it said so.

Pure, given a pure review: the past is worked out again from the mails, so a
bot that lost its store repeats nothing.  What the store knows comes on top:
revisions that the source does not hold, and mails that no archive shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from bot.model import Posting, Review
from bot.outgoing import Earlier, Mention, Said
from bot.pairing import pair
from bot.remarks import Thread
from checks.api import Finding, Series

__all__ = ["history"]

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_SOME_DAY = datetime.max.replace(tzinfo=UTC)


def history(
    line: Iterable[Posting],
    current: Posting,
    review: Callable[[Posting], Review],
    said: Sequence[Said],
    stored: Iterable[Earlier] = (),
) -> tuple[Earlier, ...]:
    """Review again the revisions that came before `current`, oldest first.

    Parameters
    ----------
    line: all postings of the series (`bot.sources.lineage.lineages`)
    said: what the threads of all of them say
    stored: what the store remembers of revisions of the series; of those that are in `line`
        it adds the mails that told a finding, others count as it has them
    """
    ours: dict[str, list[Said]] = {}
    for remark in sorted(said, key=lambda remark: remark.date or _SOME_DAY):
        if remark.own:
            ours.setdefault(remark.patch, []).append(remark)
    known = {one.msgid: one for one in stored}
    older = []
    for posting in line:
        before = known.pop(posting.series.msgid, None)
        if posting.series.patches and _age(posting.series) < _age(current.series):
            made = _earlier(posting, review(posting).findings, ours, said)
            older.append(_with_mails(made, before) if before else made)
    older += (one for one in known.values() if _age(one) < _age(current.series))
    return tuple(sorted(older, key=_age))


def _age(one: Series | Earlier) -> tuple[int, datetime, str]:
    return one.revision, one.date or _LONG_AGO, one.msgid


def _earlier(
    posting: Posting,
    findings: tuple[Finding, ...],
    ours: Mapping[str, Sequence[Said]],
    said: Sequence[Said],
) -> Earlier:
    series = posting.series
    thread = Thread(series.patches, said)
    told, answered = {}, {}
    for finding in findings:
        remarks = ours.get(finding.patch.msgid, ())
        if first := next((one for one in remarks if _tells(one, finding)), None):
            mail = Mention(first.msgid, series.revision, finding.line_text)
            told[finding.fingerprint] = (mail,)
        if answer := thread.settled(finding):
            answered[finding.fingerprint] = answer
    return Earlier(series.revision, series.msgid, findings, told, answered, series.date)


def _with_mails(made: Earlier, before: Earlier) -> Earlier:
    """`made` with the mails that the store knows of, also those that the archive does not show.

    Neither is wrong where both know one: it has the same message-id in both.
    """
    told = dict(made.told)
    pairs = pair(made.findings, before.findings)
    for at, finding in enumerate(made.findings):
        # Also by its own fingerprint: the last run may have looked for less than the mail told.
        marks = {finding.fingerprint: None}
        if at in pairs:
            marks[before.findings[pairs[at]].fingerprint] = None
        mails = [mail for mark in marks for mail in before.told.get(mark, ())]
        known = {mail.msgid: mail for mail in (*mails, *told.get(finding.fingerprint, ()))}
        if known:
            told[finding.fingerprint] = tuple(known.values())
    return made._replace(told=told)


def _tells(remark: Said, finding: Finding) -> bool:
    """Whether a mail of ours says it: our remarks stand right below the line they are about."""
    return (
        finding.rule in remark.rules
        and remark.file == finding.file
        and remark.line_text == finding.line_text
    )
