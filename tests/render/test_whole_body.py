# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole text of the reply to every example, against one that is put together in another way.

Places in the diff are found with unidiff, words are wrapped with textwrap and
links are quoted with urllib; nothing of `bot.render` is used.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from unidiff import PatchSet

from bot.render.mail import Reply
from checks.api import Confidence, Finding, Patch
from tests.render.examples import Example, examples
from tests.render.reading import footer_of, text_of

ATTRIBUTION = "On Mon, Feb 02, 2026 at 09:08:07AM +0100, Pätch Author wrote:"
OWN_WORDS = {"notify-fence-doc", "notify-kernel-doc", "restrict-export"}
"""Rules with a template of their own; of their remarks not all words are known here."""
DOUBT = "Or am I missing something?"
DOUBT_AGAIN = "Or am I missing something here as well?"


def rows_above(diff: str, row: int) -> list[int]:
    """Rows (0-based) to be quoted for a remark on `row`: file header, `@@` line, at most five."""
    end = 0
    for file in PatchSet(diff):
        spans = [[line.diff_line_no - 1 for line in hunk if line.diff_line_no] for hunk in file]
        for first, last in ((span[0], span[-1]) for span in spans):
            if first <= row <= last:
                within = range(max(row - 4, first), row + 1)
                return [*range(end, spans[0][0] - 1), first - 1, *within]
        end = spans[-1][-1] + 1
    raise AssertionError(f"row {row} is in no hunk")


def quotations(patch: Patch, found: list[Finding]) -> Iterator[str]:
    """What is quoted above each finding; no two of an example are on one row."""
    rows = patch.diff.split("\n")
    shown = -1
    for finding in found:
        block: list[str] = []
        for row in rows_above(patch.diff, finding.diff_line):
            if row > shown:
                block += ["> [ ... ]"] if row > shown + 1 or shown < 0 else []
                block.append(f"> {rows[row]}")
                shown = row
        yield "\n".join(block)


def wrapped(text: str) -> str:
    return "\n\n".join(
        textwrap.fill(" ".join(part.split()), 72, break_long_words=False, break_on_hyphens=False)
        for part in text.split("\n\n")
    )


def link(finding: Finding) -> str:
    """The one source that is cited."""
    (first, *_) = sorted(finding.references, key=lambda reference: "@" not in reference)
    url = "https://lore.kernel.org/r/" + quote(first, safe="@+=$!*-._~")
    return f"See {url if '@' in first else first}"


def remarks(found: list[Finding], told: list[str]) -> Iterator[str]:
    """What is said of each finding, given what the mail says of them; all in full but repetitions."""
    cited: set[str] = set()
    doubted = False
    for at, (finding, said) in enumerate(zip(found, told, strict=True)):
        sure = finding.confidence is Confidence.HIGH
        if said in ("Same here.", "Same here?"):
            assert at > 0
            yield "Same here." if sure else "Same here?"
            continue
        parts = [wrapped(finding.message)]
        if not sure and "?" not in finding.message:
            parts.append(DOUBT_AGAIN if doubted else DOUBT)
            doubted = True
        if finding.suggestion:
            parts += ["Maybe like this:", finding.suggestion.rstrip("\n")]
        if (source := link(finding)) not in cited:
            parts.append(source)
            cited.add(source)
        yield "\n\n".join(parts)


def told_in(body: str, quoted: list[str]) -> list[str]:
    """The words below each quotation, in a body of these quotations alone."""
    rest = body.removeprefix(f"{ATTRIBUTION}\n").rpartition("\n-- \n")[0] + "\n"
    told = []
    for this, after in zip(quoted, [*quoted[1:], None], strict=True):
        assert rest.startswith(f"{this}\n\n")
        rest = rest.removeprefix(f"{this}\n\n")
        words, mark, rest = rest.partition(f"\n\n{after}\n\n") if after else (rest[:-2], "", "")
        rest = f"{after}\n\n{rest}" if mark else rest
        told.append(words)
    return told


CASES = [
    pytest.param(example, reply, id=f"{example.name}-{number}")
    for example in examples()
    for number, reply in enumerate(example.replies(), 1)
]


@pytest.mark.parametrize(("example", "reply"), CASES)
def test_the_whole_body_is_quotations_and_what_is_known_of_the_findings(
    example: Example, reply: Reply
) -> None:
    body = text_of(reply)
    (patch,) = (one for one in example.series.patches if one.msgid == reply.parent)
    found = list(reply.findings)
    quoted = list(quotations(patch, found))
    told = told_in(body, quoted)
    footer = "\n".join(footer_of(body))
    assert footer.endswith(f"Rules: {example.rule.id}")
    words = list(remarks(found, told)) if example.rule.id not in OWN_WORDS else told
    said = zip(quoted, words, strict=True)
    written = "".join(f"{block}\n\n{remark}\n\n" for block, remark in said)
    assert body == f"{ATTRIBUTION}\n{written}-- \n{footer}\n"


def test_of_rules_with_words_of_their_own_suggestion_and_source_are_there() -> None:
    for example in examples():
        for reply in example.replies() if example.rule.id in OWN_WORDS else ():
            for finding in reply.findings:
                assert f"\n\n{finding.suggestion}" in text_of(reply)
                assert f"\n{link(finding)}\n" in text_of(reply)
