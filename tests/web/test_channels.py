# SPDX-License-Identifier: GPL-2.0-or-later
"""The same series says the same, at the same lines, in whatever way it is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.web.branches import FOUND, Repository
from tests.web.channels import PATCHES, REPORTS, Told, of_forge, of_lookup, of_mails, of_patchwork
from tests.web.shops import Shop

pytestmark = pytest.mark.integration
WHERE = Counter((rule, line[1:]) for line, (rule, _, _) in FOUND.items())
"""Rule and text of the line that it speaks of."""
GONE = {
    "\tdma_resv_lock(frob->dmabuf->resv, NULL);": "\tdma_buf_unpin(frob->attach);",
}
"""A line that is taken away, and the one after it, where a report shows it."""
LEFT = Counter({(rule, GONE.get(text, text)): times for (rule, text), times in WHERE.items()})


def said(repository: Repository, told: Iterable[Told]) -> Counter[tuple[str, str]]:
    """Rule and text of each line that a channel names, looked up in git."""
    found: Counter[tuple[str, str]] = Counter()
    for one in told:
        file = repository.git("show", f"{one.commit}:{one.path}").split("\n")
        found[one.rule, file[one.line - 1]] += 1
    return found


def test_mails(repository: Repository, tmp_path: Path) -> None:
    assert said(repository, of_mails(repository, tmp_path)) == WHERE


def test_the_look_up_of_b4(repository: Repository, tmp_path: Path) -> None:
    assert said(repository, of_lookup(repository, tmp_path)) == WHERE


def test_forges(shop: Shop) -> None:
    assert said(shop.repository, of_forge(shop)) == WHERE


def test_patchwork(repository: Repository, tmp_path: Path) -> None:
    told = Counter(of_patchwork(repository, tmp_path))
    assert told == Counter((number, rule) for rule, _, number in FOUND.values())


@pytest.mark.parametrize("channel", PATCHES, ids=lambda one: one.__name__)
def test_what_speaks_of_patches(
    repository: Repository, channel: Callable[[Repository], Iterator[Told]]
) -> None:
    assert said(repository, channel(repository)) == WHERE


@pytest.mark.parametrize("channel", REPORTS, ids=lambda one: one.__name__)
def test_what_knows_the_end_alone(
    repository: Repository, channel: Callable[[Repository], Iterator[Told]]
) -> None:
    assert said(repository, channel(repository)) == LEFT
