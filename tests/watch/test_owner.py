# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is taken for dead: a process of this machine that has ended, and nobody else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bot.owner import is_dead, new_owner
from tests.conftest import ROOT


def of_another_process() -> str:
    script = "from bot.owner import new_owner; print(new_owner())"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_living_and_the_dead() -> None:
    assert not is_dead(new_owner())
    assert is_dead(of_another_process())


@pytest.mark.parametrize("swap", [("/", "-elsewhere/"), (":", "1:")])
def test_of_other_machines_and_containers_nothing_is_known(swap: tuple[str, str]) -> None:
    assert not is_dead(of_another_process().replace(*swap, 1))


@pytest.mark.parametrize("owner", ["", "sender", "host:1", "a:b:c", "host/1:99999999999999999:x"])
def test_a_name_of_another_shape_is_nobody_dead(owner: str) -> None:
    assert not is_dead(owner)


def test_no_two_names_are_alike() -> None:
    assert new_owner() != new_owner()
