# SPDX-License-Identifier: GPL-2.0-or-later
"""Propose each dismissed finding as an example on which its rule has to be silent.

Each proposal is the least part of the patch that the rule still fires on, as it
would stand in the rule's file.  Nothing is written: whether other people's code
is copied there is for you to decide.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from bot.commands.output import add_output, opened
from bot.config import Settings, load
from bot.errors import ArchiveError, InputError
from bot.example import Example, example_of, spelt
from bot.outbox.place import is_there
from bot.outgoing import Dismissed
from bot.render.plain import one_line
from bot.review import check_names
from bot.sources.options import SourceOptions
from checks import load_rules
from checks.api import Edition, Patch, Rule

if TYPE_CHECKING:
    from bot.store import Store

__all__ = ["add", "run"]

SCHEMA = "revokebot.dismissal/1"


class Proposal(NamedTuple):
    """What is made of one dismissal."""

    about: Dismissed
    rule: str
    file: str = ""
    """Of the rule, in the checkout of revokebot; empty where no rule is called so."""
    example: Example | None = None
    problem: str = ""
    """Why there is no example."""

    @property
    def why(self) -> str:
        """The reason that the example gives, with the mail that it can be looked up in."""
        finding = self.about.finding
        patch = f"found in <{finding.patch.msgid}>" if finding else ""
        told = f"told in <{self.about.told}>" if self.about.told else patch
        return f"{self.about.dismissal.reason}; {told}"


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot dismissals`."""
    parser.add_argument("--rule", metavar="ID", help="only what this rule found")
    parser.add_argument("--format", choices=("text", "jsonl"), default="text")
    add_output(parser, color=False)


def run(args: Namespace) -> int:
    """Print the proposals; return 3 when a patch is not kept and the archive could not be asked."""
    settings = load(args.config)
    rules = {rule.id: rule for rule in load_rules()}
    check_names([args.rule] if args.rule else (), set(rules), "--rule")
    render = _json if args.format == "jsonl" else _text
    status = 0
    with opened(args.output) as out:
        for proposal, missed in _proposals(settings, rules, args.rule):
            out.write(render(proposal).encode("utf-8", "replace"))
            out.flush()
            status = max(status, missed)
    return status


def _proposals(
    settings: Settings, rules: dict[str, Rule], chosen: str | None
) -> Iterator[tuple[Proposal, int]]:
    """The proposals, each with the exit status that it leads to."""
    if not is_there(settings.store):
        return
    # Only now, because it is slow to load.
    from bot.store import Store

    with Store.open(settings.store) as store:
        for about in store.dismissed():
            rule = about.finding.rule if about.finding else about.dismissal.rule
            proposal = Proposal(about, rule)
            if chosen not in (None, rule):
                continue
            try:
                yield _proposal(proposal, rules.get(rule), store, settings), 0
            except (ArchiveError, InputError) as err:
                words = f"its patch is not kept here, and the archive is no help: {err}"
                yield proposal._replace(problem=words), err.status


def _proposal(proposal: Proposal, rule: Rule | None, store: Store, settings: Settings) -> Proposal:
    """Make the example.  Raises `ArchiveError`."""
    finding = proposal.about.finding
    if finding is None:
        return proposal._replace(problem="no review that is kept has it any more")
    if rule is None:
        return proposal._replace(problem="no rule is called so any more")
    patches = _series(finding.patch.msgid, store, settings)
    example = example_of(finding, patches, rule, Edition(proposal.about.edition))
    file = f"checks/{rule.topic}/{rule.id.replace('-', '_')}.py"
    if example is None:
        words = f"the patch <{finding.patch.msgid}> does not have its line any more"
        return proposal._replace(file=file, problem=words)
    return proposal._replace(file=file, example=example)


def _series(msgid: str, store: Store, settings: Settings) -> tuple[Patch, ...]:
    """The patches of the series of `msgid`, as kept, else as the archive has them."""
    from bot.sources.archive import fetch

    patches = _patches(msgid, store.thread_of(msgid))
    if not patches:
        options = SourceOptions(newer=False, archive=settings.archive)
        patches = _patches(msgid, fetch(msgid, options).mails)
    if not patches:
        raise ArchiveError(f"what it has as <{msgid}> is no patch")
    return patches


def _patches(msgid: str, mails: Iterable[bytes]) -> tuple[Patch, ...]:
    from bot.sources.mail import read_mail
    from bot.sources.series import assemble

    for posting in assemble(map(read_mail, mails)):
        if any(patch.msgid == msgid for patch in posting.series.patches):
            return posting.series.patches
    return ()


def _text(proposal: Proposal) -> str:
    known, example = proposal.about.dismissal, proposal.example
    who = f" by {known.who}" if known.who else ""
    heading = f"{known.fingerprint} {known.recorded:%Y-%m-%d}{who} {proposal.rule}: {known.reason}"
    verdict = f"no example: {proposal.problem}"
    if example is not None:
        verdict = f"for GOOD in {proposal.file}: {_verdict(example)}"
    lines = [f"# {one_line(words)}" for words in (heading, verdict)]
    return "\n".join([*lines, spelt(example, proposal.why) if example else "", ""])


def _verdict(example: Example) -> str:
    if example.fires:
        return "the rule still fires on it, so it fails until the rule is mended"
    return (
        "the rule is silent on it: it was mended since, or went by more than a diff, "
        "such as a tree, the date or the commit message"
    )


def _json(proposal: Proposal) -> str:
    about, example = proposal.about, proposal.example
    row = {
        "schema": SCHEMA,
        "fingerprint": about.dismissal.fingerprint,
        "rule": proposal.rule,
        "file": proposal.file or None,
        "reason": about.dismissal.reason,
        "recorded": about.dismissal.recorded.isoformat(),
        "who": about.dismissal.who or None,
        "told": about.told or None,
        "patch": about.finding.patch.msgid if about.finding else None,
        "example": None
        if example is None
        else {"diff": example.diff, "why": proposal.why, "edition": example.edition},
        "fires": example.fires if example else None,
        "problem": proposal.problem or None,
    }
    return json.dumps(row) + "\n"
