# SPDX-License-Identifier: GPL-2.0-or-later
"""All that a rule may import: the series it reads, the hits it yields, its examples.

Frozen plain data.  Nothing here reads a file, a clock or the network; the
same series gives the same findings.  Facts about C live in `checks.source`
and are reached through `Patch.change`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from checks.edition import EditionVerdict
    from checks.source.change import Change, FileChange
    from checks.source.diff import Line
    from checks.source.program import Program

__all__ = [
    "Bad",
    "Blobs",
    "Confidence",
    "Edition",
    "Finding",
    "Good",
    "Hit",
    "Meta",
    "Patch",
    "PatchRef",
    "Problem",
    "Rule",
    "Series",
    "Severity",
]

NO_FACTS: Mapping[str, object] = {}


class Words(dict[str, bool]):
    """Whether a word stands in a text: looked for once, since every rule asks."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __missing__(self, word: str) -> bool:
        found = self[word] = word in self.text
        return found


class Severity(StrEnum):
    """How bad it is if true."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for a note, 2 for an error: for comparing with `--fail-on`."""
        return ("note", "warning", "error").index(self.value)


class Confidence(StrEnum):
    """How sure the rule is, with the context it had."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Edition(StrEnum):
    """Which wording of the revoke contract holds, in the order they came."""

    MOVE_NOTIFY = "move-notify"
    RENAMED = "renamed"
    SEED = "seed"
    MERGED = "merged"


class Blobs(Protocol):
    """A git object store at hand, for the `tree` depth."""

    def blob(self, oid: str) -> bytes | None:
        """Return the blob whose hash starts with `oid` (hex), or None when it is not there."""

    def file(self, path: str) -> bytes | None:
        """Return the content of `path` at the tree's HEAD, or None when it is not there."""


class Problem(NamedTuple):
    """Something that could not be read, fetched or decided; never a silent skip."""

    kind: str
    """Kebab-case class of problem, e.g. `missing-patch`, `damaged-diff`, `rule-crashed`."""
    where: str
    """The message-id, file or rule it is about."""
    message: str
    """One line: what is wrong and what to do next."""


class PatchRef(NamedTuple):
    """What identifies a patch in the output."""

    number: int
    msgid: str
    subject: str


class _PatchFields(NamedTuple):
    number: int
    """1-based position in the series."""
    msgid: str
    """Bare message-id, without angle brackets."""
    subject: str
    """Decoded subject of the mail, unfolded."""
    message: str
    """Commit message, without trailing signature."""
    diff: str
    """The diff, LF line ends, from its first file header on, without signature or footer."""
    blobs: Blobs | None = None
    """A git object store at hand, for the `tree` depth."""
    previous: Patch | None = None
    """The patch before this one, whose after images it may build upon; set in `tree` depth."""


class Patch(_PatchFields):
    """One patch of a series; a named tuple that keeps what was parsed out of it."""

    @cached_property
    def change(self) -> Change:
        """The diff's files; each is parsed when it is first asked for."""
        from checks.source.change import read_change

        return read_change(self)

    @property
    def ref(self) -> PatchRef:
        return PatchRef(self.number, self.msgid, self.subject)

    def mentions(self, *words: str) -> bool:
        """Whether any of `words` stands anywhere in the diff."""
        return any(map(self._words.__getitem__, words))

    @cached_property
    def _words(self) -> Words:
        return Words(self.diff)


class _SeriesFields(NamedTuple):
    msgid: str
    """Message-id of the cover letter, or of the first patch where there is none."""
    subject: str
    revision: int
    patches: tuple[Patch, ...]
    total: int
    """How many patches the series says it has."""
    date: datetime | None = None
    """When it was sent (aware); only for what no tree can tell, e.g. age of an API."""
    cover: str = ""
    """Body of the cover letter."""
    verdict: EditionVerdict | None = None
    """Edition before and after each patch; set by the runner before rules see the series."""


class Series(_SeriesFields):
    """One revision of a patch series, in order, as far as its patches were found."""

    @cached_property
    def program(self) -> Program:
        """What it defines once all of it is applied."""
        from checks.source.program import Program

        return Program(self.patches)

    @property
    def complete(self) -> bool:
        return len(self.patches) == self.total

    def edition(self, patch: Patch) -> Edition:
        """Edition that holds once `patch` is applied."""
        assert self.verdict is not None
        return self.verdict.after(patch.number)

    def notify(self, patch: Patch) -> str:
        """Name of the notify function once `patch` is applied."""
        assert self.verdict is not None
        return self.verdict.notify(patch.number)

    def callback(self, patch: Patch) -> str:
        """Name of the importer's callback once `patch` is applied."""
        return (
            "move_notify" if self.edition(patch) is Edition.MOVE_NOTIFY else "invalidate_mappings"
        )

    def edition_known(self) -> bool:
        """Whether tree or series gave evidence for the edition, rather than the default."""
        return self.verdict is not None and self.verdict.known

    def mentioning(self, *words: str) -> Iterator[Patch]:
        """The patches whose diff has any of `words`: the cheap test before any parsing."""
        return (patch for patch in self.patches if patch.mentions(*words))


class Hit(NamedTuple):
    """One place where a rule has something to say.  The runner adds id, severity and sources."""

    patch: Patch
    file: FileChange
    line: Line
    """The diff line it is anchored on: the line that made the remark necessary."""
    message: str
    """One or two sentences that tell the author what to do."""
    symbol: str | None = None
    """Enclosing or documented C identifier."""
    suggestion: str = ""
    """Text of a suggested change, a unified diff or replacement lines; empty for none."""
    severity: Severity | None = None
    """Overrides the rule's default, only ever downwards."""
    confidence: Confidence | None = None
    facts: Mapping[str, object] = NO_FACTS
    """Plain values for the reply template."""


class Finding(NamedTuple):
    """One rule, one place: a `Hit` with the rule's identity added."""

    rule: str
    topic: str
    severity: Severity
    confidence: Confidence
    patch: PatchRef
    file: str
    line: int
    """1-based line in the file on `side`."""
    side: str
    """`new` or `old`."""
    line_text: str
    """The diff line with its leading `+`, `-` or space."""
    diff_line: int
    """0-based index of that line in `Patch.diff.split("\\n")`."""
    symbol: str | None
    message: str
    suggestion: str
    references: tuple[str, ...]
    fingerprint: str
    """Hex; stable across revisions of a series: no line numbers in it."""
    facts: Mapping[str, object] = NO_FACTS


class Meta(NamedTuple):
    """What the runner and the reader need to know of a rule."""

    severity: Severity
    confidence: Confidence
    sources: tuple[str, ...]
    """Where the contract says so: message-ids (bare, with `@`) or kernel paths.  Never empty."""
    words: tuple[str, ...]
    """At least one stands in any diff that this rule can fire on: the scope of the bot."""
    also: tuple[str, ...] = ()
    """Where not empty, one of these stands in it too, in the part about the same file."""
    editions: tuple[Edition, ...] = tuple(Edition)
    once: bool = False
    """Say it at most once per series: for nudges."""
    mail: bool = False
    """It asks for words of the commit message, which files of a tree have not: no audit runs it."""
    whole: bool = False
    """Another patch may put right what it is about: never sure of a series with parts missing."""


class Bad(NamedTuple):
    """A minimal diff on which the rule must fire, exactly at the given lines."""

    diff: str
    at: tuple[str, ...]
    """Text of the diff lines it fires on, without the leading sign, stripped."""
    edition: Edition | None = None
    todo: bool = False
    """A known gap: run as a strict expected failure."""


class Good(NamedTuple):
    """A minimal diff on which the rule must stay silent, and why."""

    diff: str
    why: str
    edition: Edition | None = None
    todo: bool = False


class Rule(NamedTuple):
    """A loaded rule file."""

    id: str
    topic: str
    title: str
    rationale: str
    meta: Meta
    check: Callable[[Series], Iterator[Hit]]
    bad: tuple[Bad, ...]
    good: tuple[Good, ...]
