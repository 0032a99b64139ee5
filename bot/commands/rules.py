# SPDX-License-Identifier: GPL-2.0-or-later
"""List the rules, or show one: reason, sources and examples, as its file has them."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace

from bot.commands.output import add_output, opened, style_of
from bot.config import load
from bot.errors import UsageError
from bot.names import nearest
from bot.render.links import links
from bot.render.plain import wrap
from bot.render.text import Style
from checks import TOPICS, load_rules
from checks.api import Bad, Good, Rule

__all__ = ["add", "run"]


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
    if args.format == "json":
        text = json.dumps([_plain(rule) for rule in chosen], indent=2) + "\n"
    elif args.format == "markdown":
        text = _markdown(chosen, style.link_mask, whole=args.rule is None)
    else:
        text = _rule(chosen[0], style) if args.rule else _list(chosen, style)
    with opened(args.output) as out:
        out.write(text.encode("utf-8"))
    return 0


def _markdown(rules: list[Rule], link_mask: str, *, whole: bool) -> str:
    from bot.render import reference

    return reference.page(rules, link_mask) if whole else reference.section(rules[0], link_mask)


def _list(rules: list[Rule], style: Style) -> str:
    width = max(len(rule.id) for rule in rules)
    lines: list[str] = []
    for topic in TOPICS:
        lines += ["", style.paint(topic, "bold")]
        lines += [
            f"  {rule.id:<{width}}  {rule.meta.severity.value:<7}  {rule.title}"
            for rule in rules
            if rule.topic == topic
        ] or ["  (no rule yet)"]
    return "\n".join(lines[1:]) + "\n"


def _rule(rule: Rule, style: Style) -> str:
    meta = rule.meta
    facts = [
        f"topic      {rule.topic}",
        f"severity   {meta.severity}",
        f"confidence {meta.confidence}",
        f"editions   {', '.join(meta.editions)}",
        *(f"source     {link}" for link in links(meta.sources, style.link_mask)),
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


def _plain(rule: Rule) -> dict[str, object]:
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
    }
