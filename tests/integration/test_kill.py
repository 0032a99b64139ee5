# SPDX-License-Identifier: GPL-2.0-or-later
"""The sending process is killed at every step, many times over; each reply arrives exactly once.

Everything is real: SIGKILL, the outbox in a file, an SMTP server on loopback,
b4 in its child process, and a public-inbox which the server files into and
which is asked before each delivery.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import pytest

from bot.config import Settings
from bot.outgoing import Action, Draft, Envelope, Judged, Outcome, State, Verdict
from bot.settings import DeliverySettings, ReplySettings, StoreSettings
from bot.sources.options import ArchiveOptions, SourceOptions
from tests.integration.conftest import Inbox, served
from tests.integration.postoffice import VERBS, Address, opened
from tests.integration.replies import reply_to, reviewed

pytestmark = pytest.mark.integration

OWN = (
    "before-claim", "after-claim", "before-ask", "after-ask", "after-told", "before-begin",
    "before-deliver", "after-deliver", "before-sent", "in-commit-1", "in-commit-2", "in-commit-3",
    "after-sent",
)  # fmt: skip
"""Steps of the sender itself, named after what it calls; commits are those of the outbox."""
STEPS = (*OWN, *(f"server-{verb}" for verb in VERBS))
LANES = 2
"""Benches at work at the same time."""
ROUNDS = {"sqlite": 4, "postgresql": 1}
"""Times that each step is killed at on each bench: 168 and 42 kill points in all."""
ASKING = Lock()
"""A status of a process can be read once; two threads that ask for it would get half of it each."""
LATER = timedelta(hours=3)
"""Beyond lease, settling time and the wait for another attempt; the kills take minutes."""


class Job(NamedTuple):
    """What a worker process needs to know."""

    store: str
    archive: str
    git_config: str
    step: str = ""
    late: int = 0
    """How often `LATER` has passed, on the clock of those who clean up."""


class Deadly:
    """Passes calls on to the store, and kills this process before or after the named one."""

    def __init__(self, inner: Any, step: str) -> None:
        self.inner, self.step = inner, step

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        return partial(deadly, self.step, name, found) if callable(found) else found


def deadly(step: str, name: str, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Call, and die before or after it where that is the step."""
    if step == f"before-{name}":
        os.kill(os.getpid(), signal.SIGKILL)
    result = call(*args, **named)
    if step == f"after-{name}":
        os.kill(os.getpid(), signal.SIGKILL)
    return result


def die_in_commit(number: int) -> None:
    """Kill this process when the outbox is about to commit what it wrote, the `number`-th time."""
    from sqlalchemy import Connection, event
    from sqlalchemy.engine import Engine

    seen = Counter[str]()

    def commit(connection: Connection) -> None:
        if connection.get_execution_options().get("reading"):
            return
        seen["commit"] += 1
        if seen["commit"] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "commit", commit)


def work(job: Job) -> None:
    """In a process of its own: deal with one reply, or with all that are left when it is late."""
    from bot.delivery import deliver
    from bot.look import Seen, ask
    from bot.sender import Sender
    from bot.store import Store

    os.environ["GIT_CONFIG_GLOBAL"] = job.git_config
    settings = Settings(
        reply=ReplySettings(address="bot@example.org"),
        delivery=DeliverySettings(timeout=10, deadline=30, lease=3600, settle=60),
    )
    options = SourceOptions(archive=ArchiveOptions(url=job.archive))

    def look(msgid: str, parent: str) -> Seen:
        return ask(msgid, parent, options)

    def send(envelope: Envelope) -> Outcome:
        return deliver(envelope, settings.delivery)

    def clock() -> datetime:
        return datetime.now(UTC) + job.late * LATER

    with Store.open(StoreSettings(url=job.store)) as store:
        if job.step.startswith("in-commit-"):
            die_in_commit(int(job.step[-1]))
        sender = Sender(
            Deadly(store, job.step),  # type: ignore[arg-type]
            settings,
            f"test:{os.getpid()}",
            partial(deadly, job.step, "ask", look),
            partial(deadly, job.step, "deliver", send),
            clock,
        )
        while sender.run_once() is not None and job.late:
            pass


def begin(worker: BaseProcess) -> None:
    """Start it; which asks all others how they are."""
    with ASKING:
        worker.start()


def end(worker: BaseProcess, seconds: float) -> int | None:
    """Wait for its end; the exit status, None where it has not come to an end."""
    wait([worker.sentinel], seconds)
    with ASKING:
        worker.join(0)
        return worker.exitcode


class Bench(NamedTuple):
    """The outbox, the inbox and the server of this test."""

    job: Job
    address: Address
    inbox: Inbox
    msgids: tuple[str, ...]
    rounds: int

    def kill(self, context: Any, step: str) -> bool:
        """Run a worker that is killed at `step`; whether it was."""
        worker = context.Process(target=work, args=(self.job._replace(step=step),))
        office = self.address.office
        with office.lock:
            begin(worker)
            office.verb = step.removeprefix("server-") if step.startswith("server-") else ""
            office.victim = worker.pid or 0
        status = end(worker, 60)
        assert status is not None, f"{step}: the worker hangs"
        office.victim = 0
        return status == -signal.SIGKILL

    def clean_up(self, context: Any, late: int) -> None:
        """Let two workers at once deal with all that is due by then."""
        job = self.job._replace(late=late)
        cleaners = [context.Process(target=work, args=(job,)) for _ in range(2)]
        for cleaner in cleaners:
            begin(cleaner)
        assert [end(cleaner, 900) for cleaner in cleaners] == [0, 0]

    def drafts(self) -> list[Draft]:
        from bot.store import Store

        with Store.open(StoreSettings(url=self.job.store)) as store:
            return list(store.drafts(tuple(State)))

    def filed(self) -> Counter[str]:
        """How often the inbox has each reply, by its own history."""
        epoch = self.inbox.folder / "git/0.git"
        found: Counter[str] = Counter()
        log = subprocess.run(
            ["git", "-C", str(epoch), "log", "-p", "--format=", "master"],
            capture_output=True, text=True, check=True, env=self.inbox.env,
        )  # fmt: skip
        for line in log.stdout.split("\n"):
            if line.startswith("+Message-ID: <revokebot-"):
                found[line.partition("<")[2].partition(">")[0]] += 1
        return found


@contextmanager
def benched(folder: Path, model: Path, url: str) -> Iterator[Bench]:
    """A bench with an inbox and a server of its own, whose outbox at `url` has a reply a kill."""
    from bot.store import Store

    folder.mkdir()
    rounds = ROUNDS[url.partition("+")[0].partition(":")[0]]
    with served(folder, model) as inbox, opened(inbox) as address:
        review, parents = reviewed(inbox)
        now = datetime.now(UTC)
        count = rounds * len(STEPS)
        replies = [reply_to(parents[number % len(parents)], number) for number in range(count)]
        verdict = Verdict(Action.DRAFT, "a person has to approve")
        with Store.open(StoreSettings(url=url)) as store:
            judged = [Judged(*reply, verdict) for reply in replies]
            for id_ in store.record(review, (), judged, now):
                store.approve(id_, now)
        address.git_config(folder / "gitconfig")
        job = Job(url, inbox.url, str(folder / "gitconfig"))
        yield Bench(job, address, inbox, tuple(reply[0].msgid for reply in replies), rounds)


@pytest.fixture
def benches(model: Path, new_store: Callable[[Path], str], tmp_path: Path) -> Iterator[list[Bench]]:
    folders = [tmp_path / str(lane) for lane in range(LANES)]
    with ExitStack() as stack:
        yield [stack.enter_context(benched(one, model, new_store(one))) for one in folders]


def test_each_reply_arrives_once_wherever_its_sender_is_killed(benches: list[Bench]) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["bot.store", "bot.sender", "bot.delivery", "bot.look"])
    with ThreadPoolExecutor(LANES) as pool:
        for lane in [pool.submit(survives, bench, context) for bench in benches]:
            lane.result()


def survives(bench: Bench, context: Any) -> None:
    """Kill at every step of each round, clean up, and count what came where."""
    killed = Counter(
        step for _round in range(bench.rounds) for step in STEPS if bench.kill(context, step)
    )
    assert killed == dict.fromkeys(STEPS, bench.rounds)

    filed = bench.filed()
    assert set(filed.values()) <= {1}
    states = {draft.envelope.msgid: draft.state for draft in bench.drafts()}
    assert set(states) == set(bench.msgids)
    assert set(states.values()) <= {State.APPROVED, State.SENDING, State.SENT}
    assert {msgid for msgid, state in states.items() if state is State.SENT} <= set(filed)

    bench.address.office.verb = ""
    for late in (1, 2):
        bench.clean_up(context, late)
    assert {draft.state for draft in bench.drafts()} == {State.SENT}
    assert bench.filed() == dict.fromkeys(bench.msgids, 1)
    assert bench.address.office.deliveries == dict.fromkeys(bench.msgids, 1)
