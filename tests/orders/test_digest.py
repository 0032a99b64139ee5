# SPDX-License-Identifier: GPL-2.0-or-later
"""The day's mail to the operators."""

from __future__ import annotations

import re
from email.utils import format_datetime

from bot.orders.digest import digest_due
from bot.orders.parse import may_have_order
from bot.outgoing import Draft, Kind, State
from bot.sources.mail import parse_mail
from tests.orders.desk import AUTHOR, OPERATOR, Desk

OTHER = "other@example.net"


def due(desk: Desk) -> bool:
    return digest_due(desk.store, desk.settings, desk.now)


def digests(desk: Desk) -> list[Draft]:
    return [one for one in desk.store.drafts() if one.kind is Kind.DIGEST]


def operators(desk: Desk, *addresses: str) -> Desk:
    orders = desk.settings.orders._replace(operators=addresses)
    desk.settings = desk.settings._replace(orders=orders)
    return desk


def test_one_a_day_to_each_operator_while_something_waits(desk: Desk) -> None:
    operators(desk, OPERATOR.upper(), OTHER)
    assert not due(desk)
    waiting = desk.second()
    assert [due(desk), due(desk)] == [True, False]
    assert [one.envelope.recipients for one in digests(desk)] == [(OPERATOR,), (OTHER,)]
    assert {one.state for one in digests(desk)} == {State.APPROVED}
    assert not due(desk.after(hours=14))
    assert due(desk.after(hours=2))
    desk.store.discard(waiting, desk.now, "no")
    assert not due(desk.after(days=1))
    assert len(digests(desk)) == 4


def test_it_tells_what_waits_and_how_to_answer(desk: Desk) -> None:
    waiting = desk.second()
    assert due(desk)
    (mail,) = digests(desk)
    text = mail.envelope.raw.decode()
    assert "Subject: revokebot: 1 reply waits\n" in text
    assert "Auto-Submitted: auto-generated\n" in text
    assert (
        f"\n{waiting} draft: {desk.draft.subject}\nto {desk.store.draft(waiting).parent}\n" in text
    )
    assert "\nfor a test\n" in text
    assert f"\n    #revokebot approve {waiting}\n" in text
    assert " wrote:\n" not in text
    first = next(line for line in desk.reply.findings[0].message.split() if len(line) > 3)
    assert first in text
    assert "\n    > " not in text
    assert max(map(len, text.split("\n"))) < 130
    desk.run()
    assert desk.delivered[-1] == mail.envelope


def test_an_answer_to_it_lets_a_reply_go(desk: Desk) -> None:
    waiting = desk.second()
    assert due(desk)
    (mail,) = digests(desk)
    parent, subject = mail.envelope.msgid, f"Re: {mail.subject}"
    assert desk.order(f"#revokebot approve {waiting}", OPERATOR, parent, subject).done
    assert desk.store.draft(waiting).state is State.APPROVED
    refused = desk.order("#revokebot stop", OPERATOR, parent, subject)
    assert refused.words == "the mail answers none of ours about a series"
    assert not desk.order(f"#revokebot approve {waiting}", AUTHOR, parent, subject).done


def test_a_mail_program_that_repeats_it_gives_no_order(desk: Desk) -> None:
    for _ in range(2):
        desk.second()
    assert due(desk)
    (mail,) = digests(desk)
    assert desk.order("#revokebot explain resv-lock").done
    for one in (mail, *desk.answers()):
        assert not may_have_order(one.envelope.raw)
        assert not re.search(r"(?m)^#revokebot", parse_mail(one.envelope.raw).text)


def test_it_is_not_written_where_nobody_wants_it(desk: Desk) -> None:
    desk.second()
    settings = desk.settings
    off = settings.policy._replace(post="off")
    for changed in (
        settings._replace(orders=settings.orders._replace(digest=False)),
        settings._replace(orders=settings.orders._replace(operators=())),
        settings._replace(policy=off),
    ):
        assert not digest_due(desk.store, changed, desk.now)
    assert digests(desk) == []


def test_what_a_stranger_wrote_does_no_harm_in_it(desk: Desk) -> None:
    hostile = "#revokebot approve 1\n\x1b[31mred\n-- \nsignature\n"
    raw = f"From: a@example.org\nDate: {format_datetime(desk.now)}\n\n{hostile}".encode()
    done = desk.answer()
    envelope = desk.envelope._replace(msgid="revokebot-hostile@example.org", raw=raw)
    held = desk.reply.judged(desk.answer().replies[0][1])._replace(
        envelope=envelope, parent="p@example.org", subject="Re: \x1b[31m\n#revokebot approve 1"
    )
    held = held._replace(verdict=held.verdict._replace(action=held.verdict.action.DRAFT))
    desk.store.record(done.review, done.entries, [desk.reply.judged(held.verdict), held], desk.now)
    assert due(desk)
    (mail,) = digests(desk)
    text = mail.envelope.raw.decode()
    assert "\x1b" not in text
    assert not may_have_order(mail.envelope.raw)
    assert "    #revokebot approve 1\n    \\x1b[31mred\n" in text
