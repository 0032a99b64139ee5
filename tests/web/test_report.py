# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs that meet each other, die, or are not answered: what is there in the end."""

from __future__ import annotations

import pytest

from tests.web.world import Chaos, World, wish_of

KEYS = ("k1", "k2", "k3")
SEEDS = range(300)


def settled(world: World, keys: tuple[str, ...] = KEYS) -> None:
    """One comment for all, and one open one for each key."""
    assert [item.body for item in world.stickies] == [wish_of(keys)(world.outside).sticky]
    on_lines = sorted(item.key for item in world.remarks if item.key in keys)
    assert on_lines == sorted(key for key in keys if key not in world.outside)


@pytest.mark.parametrize("runs", [2, 3, 4])
def test_runs_at_the_same_time_end_with_one_of_each(runs: int) -> None:
    for seed in SEEDS:
        world = World(seed)
        assert world.run([wish_of(KEYS)] * runs) == ["well"] * runs, seed
        settled(world)


def test_one_run_after_whatever_went_wrong_puts_it_right() -> None:
    chaos = Chaos(killed=0.1, lost=0.2, lag=0.2, removed=0.1)
    ends = set()
    for seed in SEEDS:
        world = World(seed)
        wishes = [wish_of(KEYS[:count]) for count in (2, 3, 1)]
        ends |= {end[:12] for end in world.run(wishes, chaos)}
        answered = world.remarks[:1]
        for item in answered:
            item.answered = True
        assert world.run([wish_of(KEYS)]) == ["well"], seed
        settled(world)
        assert all(item in world.items for item in answered), seed
    assert {"well", "killed"} <= ends, "the chaos was too mild to tell anything"


def test_a_further_run_changes_nothing() -> None:
    world = World(0)
    world.run([wish_of(KEYS)])
    before = [(item.number, item.body) for item in world.items]
    world.run([wish_of(KEYS)])
    assert [(item.number, item.body) for item in world.items] == before


def test_many_lines_that_are_not_shown_are_found_out_in_one_look() -> None:
    keys = tuple(f"k{number}" for number in range(20))
    world = World(0, outside=keys[1:])
    assert world.run([wish_of(keys)]) == ["well"]
    settled(world, keys)


def test_what_is_gone_is_taken_away_and_what_is_answered_is_not() -> None:
    world = World(0)
    world.run([wish_of(KEYS)])
    world.remarks[0].answered = True
    world.run([wish_of(())])
    assert [item.key for item in world.remarks] == ["k1"]
    assert [item.body for item in world.stickies] == ["h1: nothing"]


def test_a_request_that_has_moved_on_is_left_alone() -> None:
    world = World(0)
    world.head = "h2"
    assert world.run([wish_of(KEYS)]) == ["stale"]
    assert world.items == []


def test_a_run_that_is_overtaken_leaves_the_comment_to_the_newer_one() -> None:
    """It looks once more before it writes what all is."""

    class Pushed(World):
        def add(self, key: str, body: str) -> None:
            super().add(key, body)
            self.head = "h2"

    world = Pushed(0)
    assert world.run([wish_of(KEYS)]) == ["stale"]
    assert world.stickies == []
