# SPDX-License-Identifier: GPL-2.0-or-later
"""A bot that has sent one reply, and people who write to it, each mail signed by its domain."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

from bot.attest import Attest
from bot.in_force import in_force
from bot.orders.model import Heard, Outcome
from bot.orders.obey import obey, signatures
from bot.outgoing import Action, Draft, Kind, Verdict
from bot.settings import DkimSettings, OrdersSettings
from bot.store import Store
from tests.attest.signed import Key, sign
from tests.sending import World

__all__ = ["AUTHOR", "BOT", "MAINTAINER", "OPERATOR", "STRANGER", "TREE", "Desk"]

AUTHOR = "author@example.org"
MAINTAINER = "maintainer@example.net"
OPERATOR = "operator@example.org"
STRANGER = "stranger@example.net"
BOT = "bot@example.org"
SIGNED = "from:to:subject:date:message-id"
TREE = f"""\
DMA-BUF HEADERS
M:\tM A Intainer <{MAINTAINER}>
F:\tinclude/linux/dma-buf.h

SOMETHING ELSE
M:\t{STRANGER}
F:\tdrivers/misc/
"""


class Desk(World):
    """The world of a sender, and what comes back."""

    def __init__(self, store: Store, key: Key, names: str) -> None:
        super().__init__(store)
        self.key = key
        self.look: Attest = signatures(DkimSettings((names,)))
        self.settings = self.settings._replace(orders=OrdersSettings(operators=(OPERATOR,)))
        assert self.run() is not None
        self.count = 0

    def mail(
        self,
        text: str,
        sender: str = AUTHOR,
        parent: str | None = None,
        subject: str | None = None,
        **more: str,
    ) -> bytes:
        """An unsigned mail in answer to our reply, or to `parent`; empty for none.

        Parameters
        ----------
        more: further header fields, `_` for a dash
        """
        self.count += 1
        parent = self.envelope.msgid if parent is None else parent
        fields = {
            "From": f"Some Body <{sender}>",
            "To": f"list <dma-buf@lists.example.org>, <{BOT}>",
            "Subject": self.draft.subject if subject is None else subject,
            "Date": format_datetime(self.now + timedelta(seconds=self.count)),
            "Message-ID": f"<order-{self.count}@example.org>",
            "In-Reply-To": f"<{parent}>" if parent else "",
        }
        fields |= {name.replace("_", "-"): value for name, value in more.items()}
        head = "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
        return f"{head}\n{text}".encode()

    def signed(self, raw: bytes, domain: str = "", **tags: str) -> bytes:
        """`raw` with the signature of `domain`, by default that of its sender."""
        sender = raw.partition(b"<")[2].partition(b">")[0].decode()
        signed = tags.pop("signed", SIGNED)
        return sign(raw, self.key, domain or sender.rpartition("@")[2], signed=signed, **tags)

    def hear(self, *raws: bytes) -> tuple[Heard, ...]:
        """Give mails to the bot."""
        return obey(self.store, raws, self.settings, self.now, self.look, lambda: TREE)

    def only(self, raw: bytes) -> Outcome:
        """What comes of the one order in a mail."""
        (heard,) = self.hear(raw)
        (outcome,) = heard.outcomes
        return outcome

    def order(
        self,
        text: str,
        sender: str = AUTHOR,
        parent: str | None = None,
        subject: str | None = None,
        **more: str,
    ) -> Outcome:
        """What comes of one order in a signed mail."""
        return self.only(self.signed(self.mail(f"{text}\n", sender, parent, subject, **more)))

    def answers(self) -> list[Draft]:
        """Our answers to people who asked."""
        return [one for one in self.store.drafts() if one.kind is Kind.ANSWER]

    def verdict(self) -> Verdict:
        """What would be done with the reply to the example if it was written now."""
        before = self.settings
        self.settings = in_force(before, self.store, self.now)
        verdict = self.answer().replies[0][1]
        self.settings = before
        return verdict

    def second(self, action: Action = Action.DRAFT) -> int:
        """Put another reply about the same series into the outbox."""
        done = self.answer()
        envelope = self.envelope._replace(msgid="revokebot-second@example.org")
        second = self.reply.judged(Verdict(action, "for a test"))._replace(
            envelope=envelope, parent=done.review.posting.series.msgid
        )
        first = self.reply.judged(Verdict(action, "for a test"))
        return self.store.record(done.review, done.entries, [first, second], self.now)[1]
