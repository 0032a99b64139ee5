# SPDX-License-Identifier: GPL-2.0-or-later
"""`b4 review` shows what we have to say of a series, patch by patch, and of all in the cover's row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.b4.reviewing import check, mails_of
from tests.b4.running import REVIEW, SERIES, half_done, with_b4
from tests.web.branches import FOUND, Repository, branch

pytestmark = pytest.mark.integration

CONTRACT = "https://lore.kernel.org/r/"
STATES = {"error": "fail", "warning": "warn"}
NOTHING = {"tool": "revokebot", "status": "pass", "url": "", "details": ""}
LOCK = {
    "status": "warn",
    "state": "warning",
    "context": "drivers/misc/frob.c:40",
    "description": "dma_buf_fd() is not to be called with dmabuf->resv held; please drop the lock "
    "before. [resv-lock]",
    "srcline": "+\tfrob->fd = dma_buf_fd(frob->dmabuf, O_CLOEXEC);",
    "url": f"{CONTRACT}20221017172229.42269-20-dmitry.osipenko@collabora.com",
}


def listed(entry: dict[str, str]) -> list[dict[str, Any]]:
    """The findings that b4 shows one below the other."""
    found: list[dict[str, Any]] = json.loads(entry["details"])
    return found


def ready(made: Repository, perpatch: str = REVIEW, series: str = SERIES) -> tuple[Repository, str]:
    """`made` with both kinds of check, at its base; and the mails of its branch."""
    mails = mails_of(
        with_b4(made, review_perpatch_check_cmd=perpatch, review_series_check_cmd=series)
    )
    made.git("checkout", "-q", "master")
    made.git("branch", "-q", "-D", "topic")
    return made, mails


def test_each_finding_stands_at_its_patch(tmp_path: Path) -> None:
    made, mails = ready(branch(tmp_path / "linux"))
    cover, patches = check(made, mails, keep=False)
    (whole,) = cover
    assert (whole["tool"], whole["status"]) == ("revokebot", "fail")
    assert whole["summary"] == "1 error, 2 warnings"
    assert [(one["context"], one["status"]) for one in listed(whole)] == [
        ("1/6 drivers/misc/frob.c:9", "fail"),
        ("2/6 drivers/misc/frob.c:27", "warn"),
        ("5/6 drivers/misc/frob-dma.c:43", "warn"),
    ]
    expected = {number: (line, rule, severity) for line, (rule, severity, number) in FOUND.items()}
    for number, results in enumerate(patches, 1):
        (entry,) = results
        if number not in expected:
            assert entry == {**NOTHING, "summary": "nothing to say"}
            continue
        line, rule, severity = expected[number]
        (one,) = listed(entry)
        assert (entry["status"], entry["summary"]) == (STATES[severity], f"1 {severity}")
        assert (one["status"], one["state"]) == (STATES[severity], severity)
        assert one["srcline"] == line
        assert one["description"].endswith(f" [{rule}]")
        assert one["url"].startswith(CONTRACT)


@pytest.mark.parametrize("keep", [True, False])
def test_a_patch_is_judged_by_its_whole_series(tmp_path: Path, keep: bool) -> None:
    made, mails = ready(half_done(tmp_path / "linux"))
    cover, patches = check(made, mails, keep=keep)
    told = {**NOTHING, "summary": "nothing to say"}
    assert patches[:2] == [[told], [told]]
    assert listed(patches[2][0]) == [LOCK]
    assert listed(cover[0]) == [{**LOCK, "context": "3/3 drivers/misc/frob.c:40"}]


def test_a_series_without_cover_is_told_in_the_row_of_its_first_patch(tmp_path: Path) -> None:
    made, mails = ready(half_done(tmp_path / "linux"))
    at = mails.index("\nFrom ", 1) + 1
    first, patches = check(made, mails[at:], keep=False)
    assert first == patches[0]
    assert listed(patches[2][0]) == [LOCK]


def test_alone_a_patch_is_told_only_what_no_other_can_put_right(tmp_path: Path) -> None:
    made, mails = ready(half_done(tmp_path / "linux"))
    cover, patches = check(made, mails, keep=False, track=False)
    assert cover == []
    told = {**NOTHING, "summary": "nothing to say, seen without the rest of the series"}
    assert patches[:2] == [[told], [told]]
    assert patches[2][0]["summary"] == "1 warning, seen without the rest of the series"
    assert listed(patches[2][0]) == [LOCK]


def test_what_cannot_be_read_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    wrong = [command.replace("--tree .", "--tree nowhere") for command in (REVIEW, SERIES)]
    made, mails = ready(half_done(tmp_path / "linux"), *wrong)
    cover, patches = check(made, mails, keep=False)
    failure = {"status": "fail", "summary": "exited with error code 2", "url": ""}
    reason = "revokebot: nowhere: is no folder; give --tree a git tree"
    assert [cover, *patches] == [[{"tool": "revokebot", **failure, "details": reason}]] * 4
