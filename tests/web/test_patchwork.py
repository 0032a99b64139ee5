# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks in Patchwork: a series by mail, a server that keeps state, and all that goes wrong."""

from __future__ import annotations

import email
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.web.patchwork import slug
from tests.forges.described import Answer, Asked
from tests.forges.patchwork import BOT, READER, Patchwork
from tests.forges.server import Fault, Together, serving
from tests.web.branches import Repository
from tests.web.channels import mailed
from tests.web.running import revokebot, started

pytestmark = pytest.mark.integration
STATES = ["fail", "warning", "success", "success", "warning", "success"]
"""Of the patches of the branch."""


class Job:
    """A series, and a Patchwork that has it."""

    def __init__(self, repository: Repository, folder: Path, server: Patchwork) -> None:
        self.repository, self.folder, self.server = repository, folder, server
        self.series = mailed(repository, folder)
        self.msgids = patches_of(self.series)

    def known(self, *projects: str) -> None:
        """Let it have all patches, in each of these projects."""
        for project in projects or ("dri-devel",):
            for msgid in self.msgids:
                self.server.has(msgid, project)

    def command(self, *flags: str, source: Path | None = None) -> list[str]:
        place = ["--url", self.server.url, "--no-newer"]
        return ["ci", "patchwork", *place, *flags, str(source or self.series)]

    def run(
        self, *flags: str, source: Path | None = None, token: str = BOT, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        variables = {"PATCHWORK_TOKEN": token, **variables}
        return revokebot(self.command(*flags, source=source), self.repository.path, variables)

    def good(self, *flags: str, source: Path | None = None) -> subprocess.CompletedProcess[str]:
        done = self.run("--fail-on", "never", *flags, source=source)
        assert done.returncode == 0, done.stderr
        return done

    @property
    def states(self) -> list[str]:
        """The newest state of each patch that has a check, by the patch's id."""
        newest = {one["patch"]: one["state"] for one in self.server.checks}
        return [newest[patch] for patch in sorted(newest)]


def patches_of(series: Path) -> list[str]:
    """Bare message-ids of the patches, in order."""
    found = []
    for text in series.read_text().split("\nFrom ")[0:]:
        msg = email.message_from_string(text.partition("\n")[2])
        if "[PATCH" in str(msg["Subject"]) and " 0/" not in str(msg["Subject"]):
            found.append(str(msg["Message-Id"]).strip("<>"))
    return found


@pytest.fixture
def job(repository: Repository, tmp_path: Path) -> Iterator[Job]:
    server = Patchwork()
    with serving(server):
        yield Job(repository, tmp_path, server)


def test_every_patch_gets_its_check_and_a_second_run_posts_none(job: Job) -> None:
    job.known()
    job.good()
    assert job.states == STATES
    first = job.server.checks[0]
    assert first["context"] == "revokebot"
    assert first["description"] == "1 error: resv-lock"
    assert first["target_url"] == f"https://lore.kernel.org/r/{job.msgids[0]}"
    assert job.server.checks[2]["description"] == "nothing to say"
    before = list(job.server.writes)
    assert "as before" in job.good().stderr
    assert job.server.writes == before


def test_what_others_say_stays_and_counts_for_nothing(job: Job) -> None:
    job.known()
    job.server.say(1, "build", "success", "it builds")
    job.good()
    assert [one["context"] for one in job.server.checks].count("build") == 1
    assert job.states == STATES


def test_a_mended_series_by_the_same_message_id_gets_a_new_check(job: Job) -> None:
    job.known()
    job.good()
    job.good("--ignore", "resv-lock")
    assert job.states == ["success", "success", "success", "success", "warning", "success"]
    assert len(job.server.checks) == len(STATES) + 2


def test_patches_of_several_projects(job: Job) -> None:
    job.known("dri-devel", "linux-rdma")
    job.good("--project", "linux-rdma")
    assert {one["patch"] for one in job.server.checks} == set(range(7, 13))
    job.good()
    assert len(job.server.checks) == 2 * len(STATES)


def test_what_it_does_not_have_is_told_and_no_error(job: Job) -> None:
    job.server.has(job.msgids[1])
    done = job.good()
    assert job.states == ["warning"]
    assert done.stderr.count("does not have it") == len(STATES) - 1


def ordinary(job: Job) -> Path:
    """A series that no rule is about."""
    job.repository.git("reset", "-q", "--hard", "master")
    (job.repository.path / "tea.c").write_text("int tea;\n")
    job.repository.change("tea: keep it warm", {})
    series = mailed(job.repository, job.folder)
    (msgid,) = patches_of(series)
    job.server.has(msgid)
    return series


def test_of_a_series_that_no_rule_is_about_nothing_is_said(job: Job) -> None:
    series = ordinary(job)
    job.good(source=series)
    assert job.server.writes == []
    job.good("--all", source=series)
    assert job.states == ["success"]


def test_a_check_that_is_there_is_kept_right_whatever_the_series_is_about(job: Job) -> None:
    series = ordinary(job)
    job.server.say(1, "revokebot", "fail", "1 error: resv-lock")
    job.good(source=series)
    assert job.states == ["success"]


def test_what_could_not_be_reviewed_is_no_success(job: Job) -> None:
    text = job.series.read_text()
    at = text.index("@@ ", text.index("[PATCH 3/6]"))
    job.series.write_text(text[:at] + "@@ damaged" + text[text.index("\n", at) :])
    job.known()
    job.good()
    assert job.states[2] == "warning"
    assert "not all could be reviewed (damaged-diff)" in job.server.checks[2]["description"]


def test_a_dry_run_posts_nothing(job: Job) -> None:
    job.known()
    done = job.good("--dry-run")
    assert job.server.writes == []
    assert done.stdout.count("POST http://") == len(STATES)


def test_the_exit_status_follows_fail_on(job: Job) -> None:
    job.known()
    assert job.run("--fail-on", "error").returncode == 1
    assert job.run("--fail-on", "error", "--ignore", "resv-lock").returncode == 0


def test_a_context_that_is_no_slug_becomes_one(job: Job) -> None:
    job.known()
    job.run(REVOKEBOT_CI_CONTEXT="dma-buf/revoke check")
    assert {one["context"] for one in job.server.checks} == {"dma-buf-revoke-check"}
    assert slug("ä") == "-"


def test_a_target_url_of_our_own(job: Job) -> None:
    job.known()
    job.good("--target-url", "https://bot.example/%s")
    assert job.server.checks[0]["target_url"] == f"https://bot.example/{job.msgids[0]}"


def test_without_a_place_or_a_token_it_says_what_to_do(job: Job) -> None:
    done = revokebot(["ci", "patchwork", str(job.series)], job.repository.path, {})
    assert (done.returncode, "ci.patchwork" in done.stderr) == (2, True)
    done = revokebot(job.command(), job.repository.path, {})
    assert (done.returncode, "PATCHWORK_TOKEN" in done.stderr) == (2, True)


@pytest.mark.parametrize(("token", "words"), [("wrong", "Invalid token"), (READER, "permission")])
def test_a_token_that_may_not_is_an_error(job: Job, token: str, words: str) -> None:
    job.known()
    done = job.run(token=token)
    assert done.returncode == 3
    assert words in done.stderr
    assert job.server.checks == []


def test_faults_of_the_server_are_got_over(job: Job) -> None:
    job.known()
    busy = Answer(429, {"detail": "throttled"}, {"Retry-After": "1"})
    oops = Answer(502, raw=b"<html>")
    job.server.faults = [
        Fault("GET", ".", oops), Fault("POST", ".", oops), Fault("POST", ".", after=True),
        Fault("POST", ".", busy), Fault("GET", "checks", silent=3.0),
    ]  # fmt: skip
    done = job.run("--fail-on", "never", REVOKEBOT_CI_TIMEOUT="1")
    assert done.returncode == 0, done.stderr
    assert job.states == STATES
    assert len(job.server.checks) == len(STATES)


def test_one_that_stays_down_is_told_of(job: Job) -> None:
    job.known()
    job.server.faults = [Fault("POST", ".", Answer(500, {"detail": "Oops"}), times=99)]
    done = job.run()
    assert done.returncode == 3
    assert "500" in done.stderr


def test_many_checks_come_in_pages(job: Job) -> None:
    job.known()
    for number in range(130):
        job.server.say(1, "revokebot", "success", f"number {number}")
    job.good()
    writes = len(job.server.writes)
    job.good()
    assert len(job.server.writes) == writes == len(STATES)


@pytest.mark.parametrize("at", [0, 3, 5])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_that_is_killed_is_finished_by_the_next(job: Job, at: int, after: bool) -> None:
    job.known()
    writes = []

    def kill(asked: Asked) -> None:
        if asked.method == "POST":
            writes.append(asked)
            if len(writes) == at + 1:
                job.server.faults = [Fault(".*", ".", after=after)]
                process.kill()

    job.server.gate = kill
    variables = {"PATCHWORK_TOKEN": BOT}
    process = started(job.command(), job.repository.path, variables)
    process.communicate()
    assert len(writes) == at + 1
    job.server.gate = lambda asked: None
    job.server.faults = []
    job.good()
    assert job.states == STATES
    assert len(job.server.checks) == len(STATES)


def test_runs_at_the_same_time_end_with_the_same(job: Job) -> None:
    """A check cannot be taken away: a second one of the same words is all that may be there."""
    job.known()
    job.server.gate = gate = Together(2)
    flags = ("--fail-on", "never")
    variables = {"PATCHWORK_TOKEN": BOT}
    running = [started(job.command(*flags), job.repository.path, variables) for _ in range(2)]
    ends = [(process.communicate(timeout=120), process.returncode) for process in running]
    assert gate.met
    assert [status for _, status in ends] == [0, 0], ends
    assert job.states == STATES
    before = len(job.server.checks)
    job.good()
    assert len(job.server.checks) == before
