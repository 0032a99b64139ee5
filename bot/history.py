# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bot found in the older revisions of a series, and in which mail it first said so.

Pure, given a pure review: the past is worked out again from the mails, so a
bot that lost its store repeats nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

from bot.model import Posting, Review
from bot.outgoing import Earlier, Said
from checks.api import Finding

__all__ = ["history"]

_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_SOME_DAY = datetime.max.replace(tzinfo=UTC)


def history(
    line: Iterable[Posting],
    current: Posting,
    review: Callable[[Posting], Review],
    said: Sequence[Said],
) -> tuple[Earlier, ...]:
    """Review again the revisions that came before `current`, oldest first.

    Parameters
    ----------
    line: all postings of the series (`bot.sources.lineage.lineages`)
    said: what the threads of all of them say; only our own mails are looked at
    """
    ours: dict[str, list[Said]] = {}
    for remark in sorted(said, key=lambda remark: remark.date or _SOME_DAY):
        if remark.own:
            ours.setdefault(remark.patch, []).append(remark)
    older = [
        posting for posting in line if posting.series.patches and _age(posting) < _age(current)
    ]
    return tuple(_earlier(posting, review, ours) for posting in sorted(older, key=_age))


def _age(posting: Posting) -> tuple[int, datetime, str]:
    series = posting.series
    return series.revision, series.date or _LONG_AGO, series.msgid


def _earlier(
    posting: Posting, review: Callable[[Posting], Review], ours: Mapping[str, Sequence[Said]]
) -> Earlier:
    findings = review(posting).findings
    mentions = {}
    for finding in findings:
        told = next(
            (one for one in ours.get(finding.patch.msgid, ()) if _tells(one, finding)), None
        )
        if told is not None:
            mentions[finding.fingerprint] = told.msgid
    return Earlier(posting.series.revision, posting.series.msgid, findings, mentions)


def _tells(remark: Said, finding: Finding) -> bool:
    """Whether a mail of ours says it: our remarks stand right below the line they are about."""
    return (
        finding.rule in remark.rules
        and remark.file == finding.file
        and remark.line_text == finding.line_text
    )
