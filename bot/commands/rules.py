# SPDX-License-Identifier: GPL-2.0-or-later
"""List the rules, or show one: reason, sources and examples, as its file has them.

Where there is an outbox, what people made of the findings stands beside that.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from bot.commands.output import add_output, opened, style_of
from bot.config import Settings, load
from bot.errors import BotError, UsageError
from bot.names import nearest
from bot.outbox.place import is_there
from bot.policy import why_muted
from bot.record import Record
from bot.render.links import links
from bot.render.plain import one_line, wrap
from bot.render.text import Style
from checks import TOPICS, load_rules
from checks.api import Bad, Good, Rule

__all__ = ["add", "run"]


class Standing(NamedTuple):
    """How the rules stand with people."""

    records: Mapping[str, Record] | None
    """By the id of the rule; None where there is no outbox."""
    muted: Mapping[str, str]
    """By the id of each muted rule, a line that says why."""

    def words(self, rule: str, form: str = "%s") -> str:
        """The record of `rule`, and whether it is muted; empty where there is nothing to say."""
        record = (self.records or {}).get(rule)
        told = [f"{number} {name}" for name, number in record._asdict().items()] if record else []
        told += ["muted"] if rule in self.muted else []
        return form % ", ".join(told) if told else ""


def add(parser: ArgumentParser) -> None:
    """Name the flags of `revokebot rules`."""
    parser.add_argument("rule", nargs="?", metavar="ID", help="show this rule; default: list all")
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text")
    add_output(parser)


def run(args: Namespace) -> int:
    """Print the list or the rule.  Raises `UsageError` for an unknown id."""
    settings = load(args.config)
    style = style_of(args, settings.review.link_mask)
    rules = {rule.id: rule for rule in load_rules()}
    if args.rule is not None and args.rule not in rules:
        hint = nearest(args.rule, rules, "`revokebot rules` lists them")
        raise UsageError(f"no rule is called '{args.rule}'{hint}")
    chosen = [rules[args.rule]] if args.rule else list(rules.values())
    if args.format == "markdown":
        text = _markdown(chosen, style.link_mask, whole=args.rule is None)
    elif args.format == "json":
        standing = _standing(settings)
        text = json.dumps([_plain(rule, standing) for rule in chosen], indent=2) + "\n"
    else:
        standing = _standing(settings)
        text = _rule(chosen[0], style, standing) if args.rule else _list(chosen, style, standing)
    with opened(args.output) as out:
        out.write(text.encode("utf-8"))
    return 0


def _standing(settings: Settings) -> Standing:
    """What the outbox knows; that it can't be read is told, and hides no rule."""
    records = None
    if is_there(settings.store):
        # Only now, because it is slow to load.
        from bot.in_force import in_force
        from bot.store import Store

        now = datetime.now(UTC)
        try:
            with Store.open(settings.store) as store:
                records = store.records(now, settings.policy.record_days)
                settings = in_force(settings, store, now)
        except BotError as err:
            print(f"revokebot: no records are shown: {one_line(str(err))}", file=sys.stderr)
    why = {rule: why_muted(rule, settings.why_muted) for rule in settings.policy.muted}
    return Standing(records, why)


def _markdown(rules: list[Rule], link_mask: str, *, whole: bool) -> str:
    from bot.render import reference

    return reference.page(rules, link_mask) if whole else reference.section(rules[0], link_mask)


def _list(rules: list[Rule], style: Style, standing: Standing) -> str:
    width = max(len(rule.id) for rule in rules)
    lines: list[str] = []
    for topic in TOPICS:
        lines += ["", style.paint(topic, "bold")]
        lines += [
            f"  {rule.id:<{width}}  {rule.meta.severity.value:<7}  {rule.title}"
            + style.paint(standing.words(rule.id, "  (%s)"), "dim")
            for rule in rules
            if rule.topic == topic
        ] or ["  (no rule yet)"]
    return "\n".join(lines[1:]) + "\n"


def _rule(rule: Rule, style: Style, standing: Standing) -> str:
    meta = rule.meta
    facts = [
        f"topic      {rule.topic}",
        f"severity   {meta.severity}",
        f"confidence {meta.confidence}",
        f"editions   {', '.join(meta.editions)}",
        *(f"source     {link}" for link in links(meta.sources, style.link_mask)),
        *(f"record     {words}" for words in [standing.words(rule.id)] if words),
        *(f"muted      {standing.muted[one]}" for one in standing.muted if one == rule.id),
    ]
    blocks = [
        style.paint(f"{rule.id}: {rule.title}", "bold"),
        wrap(rule.rationale, style.width),
        "\n".join(facts),
        *(_example(bad, style) for bad in rule.bad),
        *(_example(good, style) for good in rule.good),
    ]
    return "\n\n".join(blocks) + "\n"


def _example(example: Bad | Good, style: Style) -> str:
    """One example as its diff, with marks at the lines that the rule fires on."""
    notes = [f"edition {example.edition}"] if example.edition else []
    notes += ["a known gap"] if example.todo else []
    suffix = f" ({', '.join(notes)})" if notes else ""
    if isinstance(example, Good):
        title, color, marked = f"good{suffix}: {example.why}", "green", set[str]()
    else:
        title, color, marked = f"bad{suffix}:", "red", set(example.at)
    lines = [
        style.paint(f"  > {line}", color) if line[1:].strip() in marked else f"    {line}"
        for line in example.diff.rstrip("\n").split("\n")
    ]
    return "\n".join([style.paint(title, color), *lines])


def _plain(rule: Rule, standing: Standing) -> dict[str, object]:
    records = standing.records
    return {
        "id": rule.id,
        "topic": rule.topic,
        "title": rule.title,
        "rationale": rule.rationale,
        "severity": rule.meta.severity.value,
        "confidence": rule.meta.confidence.value,
        "editions": [edition.value for edition in rule.meta.editions],
        "sources": list(rule.meta.sources),
        "bad": [
            {"diff": b.diff, "at": list(b.at), "edition": b.edition, "todo": b.todo}
            for b in rule.bad
        ],
        "good": [
            {"diff": g.diff, "why": g.why, "edition": g.edition, "todo": g.todo} for g in rule.good
        ],
        "record": None if records is None else records.get(rule.id, Record())._asdict(),
        "muted": standing.muted.get(rule.id),
    }
