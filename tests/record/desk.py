# SPDX-License-Identifier: GPL-2.0-or-later
"""A bot that answers series of many small drivers: real rules, a real outbox, and a clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bot.answer import Answer, answers
from bot.config import Settings
from bot.look import Seen, judge
from bot.outgoing import Draft, Envelope, Outcome, Result, State
from bot.record import Record
from bot.sender import Sender
from bot.settings import PolicySettings, ReplySettings
from bot.setup import Setup, run_of
from bot.sources.mail import read_mail
from bot.sources.series import assemble
from bot.store import Store
from tests.sources.mails import mail

__all__ = ["BAD", "BESIDE", "GOOD", "NOW", "POLICY", "RULE", "TWO", "Desk"]

NOW = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
"""The day after the series."""
RULE = "wait-result"
POLICY = PolicySettings(
    post="send", lists=("list.lists.example",), max_age_days=9999, per_author=99, per_day=99
)
WAIT = "\treturn dma_resv_wait_timeout({}->resv, DMA_RESV_USAGE_KERNEL, false, timeout);"
BAD = ("static int NAME_map(struct NAME *NAME)", "{", WAIT.format("NAME"), "}")
GOOD = ("static long NAME_map(struct NAME *NAME)", "{", WAIT.format("NAME"), "}")
TWO = (*BAD, "", *(line.replace("_map(", "_move(") for line in BAD))
BESIDE = (*BAD, "", "EXPORT_SYMBOL_FOR_MODULES(NAME_go, kvm);")
"""With something that export-syntax objects to."""


def diff_of(name: str, lines: tuple[str, ...]) -> str:
    """A diff that adds `lines` to the driver `name`."""
    path = f"drivers/misc/{name}.c"
    added = "\n".join(f"+{line}".replace("NAME", name) for line in lines)
    return (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n"
        f'@@ -10,3 +10,{len(lines) + 3} @@\n \n #include "{name}.h"\n \n{added}\n'
    )


class Desk:
    """Answers what is posted, sends what may leave, and remembers what a list saw."""

    def __init__(self, store: Store, policy: PolicySettings = POLICY) -> None:
        self.store, self.now = store, NOW
        self.settings = Settings(
            reply=ReplySettings(address="bot@bots.example", operator="the team"), policy=policy
        )
        self.setup = Setup.of(self.settings)
        self.mails: dict[str, list[bytes]] = {}
        self.delivered: list[Envelope] = []

    def policy(self, **changes: object) -> Desk:
        """Change the settings of the policy."""
        policy = self.settings.policy._replace(**changes)  # type: ignore[arg-type]
        self.settings = self.settings._replace(policy=policy)
        return self

    def record(self) -> Record:
        """Of the rule that all is about."""
        days = self.settings.policy.record_days
        records = self.store.records(self.now, days)
        doubted = self.store.records(self.now, days, doubted=True)
        assert doubted == {rule: records[rule] for rule in doubted}
        assert doubted.keys() >= {rule for rule, one in records.items() if one.dismissed}
        return records.get(RULE, Record())

    def post(
        self, name: str, lines: tuple[str, ...] = BAD, revision: int = 1, title: str = ""
    ) -> bytes:
        """A patch to the driver `name` comes to the list."""
        subject = f"[PATCH v{revision}] {name}: {title or 'wait for it'}"
        body = f"Wait.\n---\n\n{diff_of(name, lines)}-- \n2.52.0\n"
        raw = mail(subject, f"{name}-{revision}@author.example", "", body, revision)
        self.mails.setdefault(name, []).append(raw)
        return raw

    def answer(self, name: str, revision: int = 1) -> Answer:
        """What is said of a revision, by the settings that are in force; it is kept."""
        raws = self.mails[name]
        postings = list(assemble(map(read_mail, raws)))
        chosen = [one for one in postings if one.series.revision == revision]
        run = run_of(self.setup, self.settings, self.now, self.store)
        (done,) = answers(raws, postings, chosen, run)
        kept = [reply.judged(verdict) for reply, verdict in done.replies]
        self.store.record(done.review, done.entries, kept, self.now)
        return done

    def told(self, name: str, lines: tuple[str, ...] = BAD, revision: int = 1) -> Draft:
        """A patch comes, and what there is to say of it is sent."""
        self.post(name, lines, revision)
        self.answer(name, revision)
        draft = self.send()
        assert draft is not None
        assert draft.state is State.SENT, draft.reason
        return draft

    def send(self) -> Draft | None:
        """A sender deals with the next reply that is due."""

        def ask(msgid: str, parent: str) -> Seen:
            (name,) = (name for name in self.mails if parent.startswith(f"{name}-"))
            return judge(msgid, parent, self.mails[name])

        def deliver(envelope: Envelope) -> Outcome:
            self.delivered.append(envelope)
            (name,) = (n for n in self.mails if f"<{n}-".encode() in envelope.raw)
            self.mails[name].append(envelope.raw)
            return Outcome(Result.SENT, "250 OK")

        sender = Sender(self.store, self.settings, "one", ask, deliver, lambda: self.now)
        ran = sender.run_once()
        return ran.draft if ran else None

    def dismiss(self, draft: Draft) -> None:
        self.store.dismiss(draft.id, "the caller wants it so", self.now)

    def after(self, **wait: float) -> Desk:
        self.now += timedelta(**wait)
        return self
