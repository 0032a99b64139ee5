# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong between a job and a forge, and what is there after it: on every forge the same."""

from __future__ import annotations

import pytest

from tests.forges.described import Answer, Asked
from tests.forges.server import Fault, Together
from tests.web.branches import FOUND
from tests.web.shops import Shop

pytestmark = pytest.mark.integration
WRITES = len(FOUND) + 1
"""Of the first job: one on each line, and one for all."""
STUCK = """\
{
	dma_resv_lock(f->dmabuf->resv, NULL);
	f->fd = dma_buf_fd(f->dmabuf, O_CLOEXEC);
	dma_resv_unlock(f->dmabuf->resv);
	return 0;
}

"""


def whole(shop: Shop) -> bool:
    """Whether all is there, and once."""
    places = {(one.path, one.line, one.side) for one in shop.remarks}
    return len(shop.stickies) == 1 and len(places) == len(shop.remarks) == len(FOUND)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_fault_of_the_server_is_got_over(shop: Shop, status: int) -> None:
    shop.server.faults = [
        Fault("GET", ".", Answer(status, {"message": "Oops"})),
        Fault("POST", ".", Answer(status, {"message": "Oops"})),
    ]
    shop.good()
    assert whole(shop)


@pytest.mark.parametrize("at", range(WRITES))
def test_an_answer_that_is_lost_makes_nothing_double(shop: Shop, at: int) -> None:
    seen = []

    def lose(asked: Asked) -> None:
        if asked.method == "POST":
            seen.append(asked)
            if len(seen) == at + 1:
                shop.server.faults = [Fault("POST", ".", after=True)]

    shop.server.gate = lose
    shop.good()
    assert whole(shop)


def test_a_server_that_says_nothing_is_not_waited_for(shop: Shop) -> None:
    shop.server.faults = [Fault("GET", ".", silent=3.0), Fault("POST", ".", after=True, silent=3.0)]
    shop.good(REVOKEBOT_CI_TIMEOUT="1")
    assert whole(shop)


def test_a_server_that_is_busy_is_waited_for_as_it_asks(shop: Shop) -> None:
    words = {"message": "You have exceeded a secondary rate limit. Please wait."}
    shop.server.faults = [
        Fault("POST", ".", Answer(403, words, {"Retry-After": "1"})),
        Fault("POST", ".", Answer(429, {"message": "Retry later"}, {"Retry-After": "1"})),
        Fault("GET", ".", Answer(429, {"message": "Retry later"}, {"Retry-After": "0"})),
    ]
    shop.good()
    assert whole(shop)


def test_one_that_asks_for_too_much_patience_is_told_of(shop: Shop) -> None:
    busy = Answer(429, {"message": "Retry later"}, {"Retry-After": "3600"})
    shop.server.faults = [Fault("POST", ".", busy)]
    done = shop.run()
    assert done.returncode == 3
    assert "3600 s" in done.stderr
    assert "ci.deadline" in done.stderr


def test_a_token_that_is_not_known_is_an_error(shop: Shop) -> None:
    token = next(name for name in shop.variables() if name.endswith("_TOKEN"))
    done = shop.run(**{token: "wrong"})
    assert done.returncode == 3
    assert "401" in done.stderr
    assert token in done.stderr
    assert "wrong" not in done.stderr.replace("wrong:", "")
    assert shop.stickies == []


def test_a_token_that_no_header_could_have_is_an_error(shop: Shop) -> None:
    token = next(name for name in shop.variables() if name.endswith("_TOKEN"))
    done = shop.run(**{token: "two words"})
    assert done.returncode == 2
    assert token in done.stderr
    assert "two words" not in done.stderr


def test_a_request_that_is_not_there_is_an_error(shop: Shop) -> None:
    gone = Fault("GET", "(pulls|merge_requests)/7", Answer(404, {"message": "Not Found"}), times=9)
    shop.server.faults = [gone]
    done = shop.run()
    assert done.returncode == 3
    assert "404" in done.stderr


def test_a_conflict_is_looked_at_again(shop: Shop) -> None:
    shop.server.faults = [Fault("POST", ".", Answer(409, {"message": "Conflict"}))]
    shop.good()
    assert whole(shop)


def test_a_line_that_the_forge_does_not_show_is_told_in_the_comment(shop: Shop) -> None:
    outside = Answer(shop.refused, {"message": "line must be part of the diff"})
    shop.server.faults = [Fault("POST", "pulls|discussions", outside)]
    shop.good()
    assert len(shop.remarks) == len(FOUND) - 1
    (sticky,) = shop.stickies
    assert "`dma_buf_detach()` further down" in sticky
    # The next job tries anew.
    shop.good()
    assert whole(shop)


def test_a_page_for_people_is_no_answer(shop: Shop) -> None:
    page = Answer(200, raw=b"<html>Please log in</html>")
    shop.server.faults = [Fault("GET", ".", page)]
    done = shop.run()
    assert done.returncode == 3
    assert "no JSON" in done.stderr


def test_a_commit_that_is_not_the_newest_any_more_is_left_alone(shop: Shop) -> None:
    old = shop.variables()
    shop.good()
    before = list(shop.stickies)
    shop.repository.git("commit", "-q", "--allow-empty", "-m", "frob: nothing")
    shop.push()
    writes = list(shop.server.writes)
    kept = {name: old[name] for name in old if name.endswith("SHA")}
    shop.repository.git("reset", "-q", "--hard", "HEAD~1")
    done = shop.good(**kept)
    assert "left alone" in done.stderr
    assert shop.server.writes == writes
    assert shop.stickies == before


def test_long_lists_come_in_pages(shop: Shop) -> None:
    for number in range(230):
        shop.say(f"comment {number}")
    shop.good()
    assert len(shop.stickies) == 231
    shop.good()
    assert len(shop.stickies) == 231


@pytest.mark.parametrize("at", range(WRITES))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_job_that_is_killed_is_finished_by_the_next(shop: Shop, at: int, after: bool) -> None:
    writes = []

    def kill(asked: Asked) -> None:
        if asked.method != "GET":
            writes.append(asked)
            if len(writes) == at + 1:
                shop.server.faults = [Fault(".*", ".", after=after)]
                process.kill()

    shop.server.gate = kill
    process = shop.start()
    process.communicate()
    assert len(writes) == at + 1
    shop.server.gate = lambda asked: None
    shop.server.faults = []
    shop.good()
    assert whole(shop)


def test_jobs_at_the_same_time_leave_one_comment(shop: Shop) -> None:
    """Each adds everything."""
    shop.server.gate = gate = Together(3)
    running = [shop.start("--fail-on", "never") for _ in range(3)]
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in running]
    assert gate.met
    assert [status for _, status in ends] == [0, 0, 0], ends
    assert whole(shop)


def test_where_no_line_is_shown_all_is_told_in_the_comment(shop: Shop) -> None:
    outside = Answer(shop.refused, {"message": "line must be part of the diff"})
    ways = "".join(f"int frob_{n}(struct frob *f)\n{STUCK}" for n in range(9))
    file = "drivers/misc/frob-dma.c"
    shop.repository.change("frob: many ways", {file: ("int frob_open(", f"{ways}int frob_open(")})
    shop.push()
    shop.server.faults = [Fault("POST", "pulls|discussions", outside, times=len(FOUND) + 9)]
    shop.good()
    assert shop.server.faults == []
    assert shop.remarks == []
    (sticky,) = shop.stickies
    assert "12 remarks" in sticky
