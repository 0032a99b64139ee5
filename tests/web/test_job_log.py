# SPDX-License-Identifier: GPL-2.0-or-later
"""No line of a patch that comes into the log of a job is a command to GitHub's runner."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.render.plain import escape, for_log
from tests.web.branches import Repository, empty
from tests.web.running import revokebot

pytestmark = pytest.mark.integration

COMMAND = re.compile(r"(?m)^\s*::|##\[")
"""What `ActionCommand.TryParseV2` and `TryParse` of actions/runner look for."""
BEFORE = "\tdma_resv_lock(frob->dmabuf->resv, NULL);\n\tret = dma_buf_pin(frob->attach);\n"
NOISE = "/*\n::error::mine ##[group]x\n*/\n"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A branch with a finding below a line that is a command."""
    made = empty(tmp_path_factory.mktemp("log") / "linux")
    file = "drivers/misc/frob.c"
    lock, pin = BEFORE.splitlines(keepends=True)
    made.change("::warning::frob ##[error]: comment", {file: (BEFORE, lock + NOISE + pin)})
    call = "\tfrob->fd = dma_buf_fd(frob->dmabuf, O_CLOEXEC);\n"
    made.change("::error::frob: hand out a file", {file: (NOISE, NOISE + call)})
    return made


def test_review_prints_none_in_a_job(hostile: Repository) -> None:
    words = ["review", "master..topic", "--tree", str(hostile.path), "--fail-on", "never"]
    for variables, seen in (({}, True), ({"GITHUB_ACTIONS": "true"}, False)):
        done = revokebot(words, hostile.path, variables)
        assert done.returncode == 0, done.stderr
        assert "error::mine #\\x23[group]x" in done.stdout
        assert bool(COMMAND.search(done.stdout)) is seen
        assert COMMAND.search(done.stderr) is None


def test_an_error_names_what_was_asked_for_without_obeying_it(tmp_path: Path) -> None:
    done = revokebot(["review", "##[error]x\n::error::y"], tmp_path, {"GITHUB_ACTIONS": "true"})
    assert done.returncode == 2
    assert COMMAND.search(done.stderr) is None


@pytest.mark.parametrize("text", ["::a::b", "x\n \t::a", "::::", "##[a]", "###[a]", "a##[##[b"])
def test_what_is_written_out_is_no_command_any_more(text: str) -> None:
    assert COMMAND.search(text)
    assert COMMAND.search(for_log(escape(text))) is None
