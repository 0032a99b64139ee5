# SPDX-License-Identifier: GPL-2.0-or-later
"""Discovery of the rules: one file in the folder of its topic is one rule.

The file's name is the rule's id (`resv_lock.py` is `resv-lock`).  A malformed
rule file raises `RuleError`; it is never skipped.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module
from types import ModuleType

from checks.api import Bad, Good, Meta, Rule

__all__ = ["TOPICS", "RuleError", "load_rules"]

TOPICS = ("doc", "export", "helper", "importer", "exporter")


class RuleError(Exception):
    """A rule file has the wrong shape; names the file and what is missing."""


@cache
def load_rules() -> tuple[Rule, ...]:
    """Load all rules, by topic and then by id.  Raises `RuleError`."""
    here = os.path.dirname(__file__)
    return tuple(
        _load(topic, name.removesuffix(".py"))
        for topic in TOPICS
        for name in sorted(os.listdir(os.path.join(here, topic)))
        if name.endswith(".py") and not name.startswith("_")
    )


def _load(topic: str, name: str) -> Rule:
    where = f"checks/{topic}/{name}.py"
    try:
        module = import_module(f"checks.{topic}.{name}")
    except Exception as err:
        raise RuleError(f"{where}: cannot be imported: {err!r}") from err
    return _rule(module, topic, name.replace("_", "-"), where)


def _rule(module: ModuleType, topic: str, rule_id: str, where: str) -> Rule:
    title, _, rationale = (module.__doc__ or "").strip().partition("\n")
    if not title or not rationale.strip():
        raise RuleError(f"{where}: the docstring needs a title line, a blank line and the reason")
    for name, kind in (("META", Meta), ("BAD", list), ("GOOD", list)):
        if not isinstance(getattr(module, name, None), kind):
            raise RuleError(f"{where}: {name} is missing or no {kind.__name__}")
    if not callable(getattr(module, "check", None)):
        raise RuleError(f"{where}: check(series) is missing")
    if not module.META.sources or not module.META.words:
        raise RuleError(f"{where}: META needs sources and words")
    if not module.BAD or not all(isinstance(bad, Bad) and bad.at for bad in module.BAD):
        raise RuleError(f"{where}: BAD needs at least one Bad(diff, at=(...))")
    if not module.GOOD or not all(isinstance(good, Good) and good.why for good in module.GOOD):
        raise RuleError(f"{where}: GOOD needs at least one Good(diff, why=...)")
    return Rule(
        id=rule_id,
        topic=topic,
        title=title.rstrip("."),
        rationale=rationale.strip(),
        meta=module.META,
        check=module.check,
        bad=tuple(module.BAD),
        good=tuple(module.GOOD),
    )
