# SPDX-License-Identifier: GPL-2.0-or-later
"""What each rule costs on a patch that it looks at, and how the cost grows with the diff.

A rule pays for facts (parsing) that the first one to ask makes and all share.
So two figures are told: `warm`, its own work when the facts are there, and
`cold`, all of it when no other rule runs.  The yardstick is unidiff, which
merely parses the same patches in the same run.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from statistics import median, quantiles
from time import thread_time
from typing import NamedTuple

from benchmarks.mails import EXAMPLE, labelled_threads
from benchmarks.synthetic import synthetic
from bot.sources import SourceOptions, open_source
from checks import load_rules
from checks.api import Patch, Rule, Series
from checks.edition import detect
from checks.examples import series_of
from checks.scope import scope_of, wanted

LIMIT = 2.0
"""Milliseconds that a rule may cost on a patch in its scope, in the median."""
MOST = 100
"""Patches of one rule, evenly taken from those in its scope."""
ROUNDS = 3
SIZES = (50, 100, 200, 400)
"""Functions a file of the synthetic patch."""
LINEAR = 2.6
"""Times that the cost may grow when the diff doubles; 2 is linear, the rest is noise."""


def main() -> None:
    """Print what each rule costs, and how that grows."""
    gc.disable()  # as the commands do: a collection would hit whoever runs just then
    patches = list(_patches())
    if len(patches) < MOST:
        patches += _examples()
    _costs(patches)
    _growth()
    gc.enable()


def _patches() -> Iterator[Patch]:
    """The patches that some rule looks at and unidiff can read."""
    source = labelled_threads()
    scopes = scope_of(load_rules())
    for posting in open_source(str(source), SourceOptions(every=source != EXAMPLE)):
        yield from (p for p in posting.series.patches if wanted(p, scopes) and _parses(p))


def _examples() -> list[Patch]:
    """The rules' own examples, where there is no mail at hand."""
    bad = [series_of(example) for rule in load_rules() for example in rule.bad]
    good = [series_of(example) for rule in load_rules() for example in rule.good]
    return [patch for series in bad + good for patch in series.patches if _parses(patch)]


def _parses(patch: Patch) -> bool:
    try:
        _unidiff(patch)
    except Exception:  # whatever it says of a damaged mail, that mail is no yardstick
        return False
    return True


def _unidiff(patch: Patch) -> None:
    from unidiff import PatchSet

    PatchSet(patch.diff)


class _Cost(NamedTuple):
    """Milliseconds of one rule, or of unidiff, on each patch."""

    warm: list[float]
    cold: list[float]
    unidiff: list[float]


def _costs(patches: Sequence[Patch]) -> None:
    """Print one row a rule."""
    title = "patches  warm ms  9 of 10  cold ms  of unidiff's time: warm  cold"
    print(f"{'rule':<24} {title}")
    over: dict[str, list[str]] = {"warm": [], "cold": []}
    for number, rule in enumerate(load_rules()):
        chosen = [patch for patch in patches if wanted(patch, scope_of((rule,)))]
        chosen = chosen[:: max(1, -(-len(chosen) // MOST))]
        if not chosen:
            print(f"{rule.id:<24} {0:>7}  no patch is in its scope")
            continue
        cost = _cost(rule, (*load_rules()[number + 1 :], *load_rules()[:number]), chosen)
        print(_row(rule, cost))
        for kind in over:
            if median(getattr(cost, kind)) > LIMIT:
                over[kind].append(rule.id)
    for kind, names in over.items():
        print(f"over {LIMIT:g} ms in the median, {kind}: {', '.join(names) or 'none'}")
    print()


def _cost(rule: Rule, others: Sequence[Rule], patches: Sequence[Patch]) -> _Cost:
    return _Cost(
        [_best(partial(_warm, patch, rule, others)) for patch in patches],
        [_best(partial(_cold, patch, rule)) for patch in patches],
        [_best(partial(_timed, partial(_unidiff, patch))) for patch in patches],
    )


def _row(rule: Rule, cost: _Cost) -> str:
    most = quantiles(cost.warm, n=10)[-1] if len(cost.warm) > 1 else cost.warm[0]
    ratios = (sum(cost.warm) / sum(cost.unidiff), sum(cost.cold) / sum(cost.unidiff))
    return (
        f"{rule.id:<24} {len(cost.warm):>7} {median(cost.warm):>8.2f} {most:>8.2f}"
        f" {median(cost.cold):>8.2f} {ratios[0]:>24.2f} {ratios[1]:>5.2f}"
    )


def _alone(patch: Patch) -> Series:
    """`patch` as a series, with nothing parsed yet."""
    fresh = patch._replace(number=1)  # a new object, because a patch keeps its parsed diff
    series = Series(patch.msgid, patch.subject, 1, (fresh,), total=1)
    return series._replace(verdict=detect(series))


def _cold(patch: Patch, rule: Rule) -> float:
    series = _alone(patch)
    return _timed(partial(_run, rule, series))


def _warm(patch: Patch, rule: Rule, others: Sequence[Rule]) -> float:
    """The time of `rule` after all others, whose facts are there when it asks for the same."""
    series = _alone(patch)
    for other in others:
        _run(other, series)
    return _timed(partial(_run, rule, series))


def _timed(work: Callable[[], object]) -> float:
    """Milliseconds of processor time that `work` takes."""
    start = thread_time()
    work()
    return (thread_time() - start) * 1000


def _best(measured: Callable[[], float]) -> float:
    """The shortest of some rounds: what is longer was somebody else's doing."""
    return min(measured() for _ in range(ROUNDS))


def _growth() -> None:
    """How the cost of a patch, and of each rule, grows when a patch is twice as long."""
    sizes = {size: synthetic(size) for size in SIZES}
    plain = [_best(partial(_timed, partial(_unidiff, patch))) for patch in sizes.values()]
    each = [_all(patch) for patch in sizes.values()]
    print("lines of a patch   unidiff ms   all rules ms  times as long as unidiff")
    for patch, yardstick, costs in zip(sizes.values(), plain, each, strict=True):
        total = sum(costs.values())
        lines = patch.diff.count("\n")
        print(f"{lines:>16} {yardstick:>12.0f} {total:>14.0f} {total / yardstick:>24.1f}")
    # What takes less than a tenth of the yardstick is too short to have a slope.
    long = [rule for rule in each[-1] if each[-1][rule] > plain[-1] / 10]
    slopes = {rule: _slope([costs[rule] for costs in each]) for rule in long}
    steep = [f"{rule} ({slope:.1f} times)" for rule, slope in slopes.items() if slope > LINEAR]
    print(f"grow faster than the diff (linear is 2 times): {', '.join(steep) or 'none'}")


def _slope(costs: Sequence[float]) -> float:
    """How many times as much a diff of twice the length costs, in the median of the doublings."""
    return median(after / before for before, after in pairwise(costs))


def _all(patch: Patch) -> dict[str, float]:
    """The milliseconds of every rule, one after another on the same patch, the best of some."""
    rounds = [_each(_alone(patch)) for _ in range(ROUNDS)]
    return {rule: min(costs[rule] for costs in rounds) for rule in rounds[0]}


def _each(series: Series) -> dict[str, float]:
    return {rule.id: _timed(partial(_run, rule, series)) for rule in load_rules()}


def _run(rule: Rule, series: Series) -> None:
    for _ in rule.check(series):
        pass
