# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever happens between the looks at an inbox, each mail that is in it is given, in order.

Mails arrive and are deleted, purged and edited, epochs begin, the caller dies
between two batches, the server hangs up in the middle of a pack, and the clones
are damaged, lost, or another machine's.  All
bounds are small here, so that short histories go past them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.errors import ArchiveError
from bot.inboxes import git, git_clone, git_log, git_remote
from tests.inboxes.damage import DAMAGE
from tests.inboxes.epochs import Epochs, mail, names
from tests.inboxes.front import Front, fronting
from tests.inboxes.looking import Looker

pytestmark = pytest.mark.integration

DAY = 24 * 3600
STEP = st.one_of(
    st.tuples(st.just("add"), st.sampled_from((1, 2, 6, 12))),
    st.tuples(st.just("days"), st.integers(1, 5)),
    st.tuples(st.sampled_from(("delete", "edit", "purge", "purge last")), st.integers(0, 99)),
    st.tuples(st.just("look"), st.one_of(st.none(), st.integers(0, 3))),
    st.tuples(st.sampled_from(("roll", "lose clones", "cut")), st.just(0)),
    st.tuples(st.just("damage"), st.integers(0, len(DAMAGE) - 1)),
)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "MAILS", 3)
    monkeypatch.setattr(git, "DEPTHS", (4, 8, git_clone.ALL))
    monkeypatch.setattr(git_log, "MARGIN", 2)
    monkeypatch.setattr(git_clone, "PACKS", 3)
    monkeypatch.setattr(git_remote, "HOUR", 0.0)
    # So that the quiet inbox is asked for new epochs at every look.
    monkeypatch.setattr(git_remote, "DAY", 0.0)


@dataclass
class World:
    """An inbox, who looks at it, and what is to be seen there."""

    epochs: Epochs
    box: Looker
    arrived: int = 0
    cut: Callable[[], object] = lambda: None
    """Makes the server hang up in the middle of the next pack."""
    troubles: bool = False
    """Whether a look may fail."""
    older: list[bytes] = field(default_factory=list)
    """Mails of the epochs before the newest."""

    def do(self, what: str, number: int | None) -> None:
        if what == "look":
            self.look(number)
        elif what == "lose clones":
            shutil.rmtree(self.box.state, ignore_errors=True)
        elif what == "damage":
            self.troubles = True
            for clone in self.box.state.glob("*/*.git"):
                with suppress(FileNotFoundError):  # that was damaged before
                    list(DAMAGE.values())[number or 0](clone)
        elif what == "cut":
            self.troubles = True
            self.cut()
        elif what == "roll":
            if self.epochs.entries:
                self.older += self._present()
                self.epochs.roll()
        elif what == "days":
            self.epochs.clock += (number or 0) * DAY
        else:
            self._change(what, number or 0)

    def look(self, most: int | None) -> None:
        for attempt in range(3):
            try:
                batches = self.box.batches(most)
                break
            except ArchiveError:
                assert self.troubles
                assert attempt < 2, "a clone is made anew after two failures"
        self.troubles = False
        for batch in batches:
            came = names(batch.mails)
            assert came == sorted(came), "a batch is in order of arrival"
        if most is None:
            assert set(names([*self.older, *self._present()])) <= self.box.seen

    def _change(self, what: str, number: int) -> None:
        if what == "add":
            new = range(self.arrived, self.arrived + number)
            self.arrived += number
            self.epochs.add(*(mail(each) for each in new))
            return
        present = self._present()
        if not present:
            return
        chosen = present[number % len(present)]
        if what == "delete":
            self.epochs.delete(chosen)
        elif what == "edit":
            self.epochs.edit(chosen, mail(names([chosen])[0], f"edited {self.epochs.clock}"))
        elif len(present) > number % 5 + 1:
            self.epochs.purge(*(present[-(number % 5 + 1) :] if "last" in what else [chosen]))

    def _present(self) -> list[bytes]:
        """What is in the newest epoch, in order of arrival."""
        gone = {raw for _, name, raw in self.epochs.entries if name == "d"}
        return [raw for _, name, raw in self.epochs.entries if name == "m" and raw not in gone]


Serve = Callable[[Path], AbstractContextManager[Front | SimpleNamespace]]


def play(steps: list[tuple[str, int | None]], serve: Serve) -> None:
    with TemporaryDirectory() as folder:
        epochs = Epochs(Path(folder, "toy"))
        with serve(epochs.folder) as server:
            world = World(epochs, Looker(server.url, Path(folder, "state")))
            if isinstance(server, Front):
                world.cut = server.cut_once
            world.look(None)
            world.do("add", 2)
            world.look(None)
            for step in steps:
                world.do(*step)
            world.look(None)
            before = world.box.cursor
            assert world.box.look() == []
            assert world.box.cursor == before
            world.box.inbox.close()


@settings(max_examples=60)
@given(steps=st.lists(STEP, max_size=15))
def test_nothing_is_lost_in_a_folder(steps: list[tuple[str, int | None]]) -> None:
    play(steps, lambda folder: nullcontext(SimpleNamespace(url=str(folder))))


@settings(max_examples=25)
@given(steps=st.lists(STEP, max_size=12))
@example(steps=[("add", 12), ("look", None)])
@example(steps=[("add", 12), ("look", 2), ("lose clones", 0), ("purge last", 4), ("add", 6)])
def test_nothing_is_lost_over_the_web(steps: list[tuple[str, int | None]]) -> None:
    play(steps, fronting)
