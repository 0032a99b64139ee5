# SPDX-License-Identifier: GPL-2.0-or-later
"""`b4 prep --check`, and `b4 am --check`, show what we have to say of a branch that b4 itself prepared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.b4.reviewing import mails_of
from tests.b4.running import AM, PREP, b4, half_done, with_b4
from tests.web.branches import FOUND, Repository, branch

pytestmark = pytest.mark.integration

FLAGS = {"31;5": "fail", "31": "warning", "32": "success"}
"""b4's colours of its dots."""
HELD = (
    "WARNING: dma_buf_fd() is not to be called with dmabuf->resv held; please drop the lock "
    "before. [resv-lock]"
)
EMPTY = (
    "WARNING: frob_invalidate() does nothing, but to set .invalidate_mappings is to promise that "
    "the mapping goes away after it. Could the callback become optional, so that it can be left "
    "out? [stub-callback]"
)


def checked(made: Repository) -> list[tuple[str, str]]:
    """What `b4 prep --check` says between its rules: the flag and the text of each line."""
    said = b4(made, "prep", "--check", "--no-cache").split("---\n")[1]
    lines = re.findall(r"(?m)^ *\x1b\[([\d;]+)m\S\x1b\[0m (.*)$", said)
    assert len(lines) == said.count("\n")
    return [(FLAGS[color], re.sub(r"^[0-9a-f]{12}: ", "", text)) for color, text in lines]


def test_it_shows_each_finding_below_its_commit(tmp_path: Path) -> None:
    made = with_b4(branch(tmp_path / "linux"), prep_perpatch_check_cmd=PREP)
    b4(made, "prep", "-e", "master")
    said = checked(made)
    assert [(flag, text.partition(" Please ")[0]) for flag, text in said] == [
        ("fail", "frob: release without the lock"),
        ("fail", "revokebot: drivers/misc/frob.c:9: ERROR:"),
        ("warning", "frob: hand out a file"),
        ("warning", f"revokebot: drivers/misc/frob.c:27: {HELD}"),
        ("success", "frob: tell what it is"),
        ("success", "frob: call the file after what it does"),
        ("warning", "frob: listen"),
        ("warning", f"revokebot: drivers/misc/frob-dma.c:43: {EMPTY}"),
        ("success", "frob: say so in the log"),
    ]
    assert {text[-11:] for _, text in said if text.startswith("revokebot: ")} == {
        f"[{rule}]"[-11:] for rule, _, _ in FOUND.values()
    }


def test_what_a_later_patch_puts_right_is_not_told(tmp_path: Path) -> None:
    made = with_b4(half_done(tmp_path / "linux"), prep_perpatch_check_cmd=PREP)
    b4(made, "prep", "-e", "master")
    assert checked(made) == [
        ("success", "frob: listen"),
        ("success", "frob: let go of the buffer"),
        ("warning", "frob: hand out a file"),
        ("warning", f"revokebot: drivers/misc/frob.c:40: {HELD}"),
    ]


@pytest.mark.parametrize("strategy", ["commit", "tip-commit", "branch-description"])
def test_the_series_is_found(tmp_path: Path, strategy: str) -> None:
    settings = {"prep_cover_strategy": strategy, "prep_perpatch_check_cmd": PREP}
    made = with_b4(branch(tmp_path / "linux", 5), **settings)
    for name, value in (("algorithm", "patience"), ("context", "9"), ("mnemonicPrefix", "true")):
        made.git("config", f"diff.{name}", value)
    b4(made, "prep", "-e", "master")
    # Of an empty callback nothing is told where a patch may be missing that fills it.
    assert checked(made)[-1] == ("warning", f"revokebot: drivers/misc/frob-dma.c:43: {EMPTY}")


def test_what_is_wrong_with_the_settings_is_an_error(tmp_path: Path) -> None:
    command = PREP.replace("--tree .", "--tree nowhere")
    made = with_b4(half_done(tmp_path / "linux"), prep_perpatch_check_cmd=command)
    b4(made, "prep", "-e", "master")
    errors = [text for flag, text in checked(made) if text.startswith("revokebot: ")]
    assert errors == ["revokebot: revokebot: nowhere: is no folder; give --tree a git tree"] * 3


def test_b4_am_shows_it_too(tmp_path: Path) -> None:
    made = with_b4(half_done(tmp_path / "linux"), am_perpatch_check_cmd=AM)
    (tmp_path / "box").write_text(mails_of(made))
    made.git("checkout", "-q", "master")
    said = b4(made, "am", "--check", "-m", str(tmp_path / "box"), "-o", str(tmp_path))
    found = re.findall(r"(?m)^ *\x1b\[([\d;]+)m\S\x1b\[0m (revokebot: .*)$", said)
    assert [(FLAGS[color], text) for color, text in found] == [
        ("success", "revokebot: passed all checks"),
        ("success", "revokebot: passed all checks"),
        ("warning", f"revokebot: drivers/misc/frob.c:40: {HELD}"),
    ]
