# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose orders are obeyed: by real signatures and a real name server, and against forgers."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from bot.orders.obey import signatures
from bot.settings import DkimSettings
from bot.sources.mail import parse_mail
from tests.attest.names import silent
from tests.attest.signed import FOOTER
from tests.orders.desk import AUTHOR, BOT, MAINTAINER, OPERATOR, STRANGER, Desk

STOP = "#revokebot stop\n"


@pytest.mark.parametrize("sender", [AUTHOR, "Author@Example.ORG", MAINTAINER, OPERATOR])
def test_author_maintainer_and_operator_are_heard(desk: Desk, sender: str) -> None:
    assert desk.order(STOP, sender).done


def test_others_are_not_unless_they_are_named(desk: Desk) -> None:
    refused = desk.order(STOP, STRANGER)
    assert refused.words == (
        f"{STRANGER} is neither the author nor a maintainer of what the series touches"
    )
    orders = desk.settings.orders._replace(people=(STRANGER.upper(),))
    desk.settings = desk.settings._replace(orders=orders)
    assert desk.order(STOP, STRANGER).done


def test_a_mail_without_a_signature_is_nobodys(desk: Desk) -> None:
    assert desk.only(desk.mail(STOP)).words == "its signature: none"
    assert desk.store.leaves() == ()
    assert desk.store.heard() == (0, 1)


def test_a_forged_sender_is_not_believed(desk: Desk) -> None:
    forged = desk.signed(desk.mail(STOP), "example.net")
    assert desk.only(forged).words == "its signature: none for example.org; example.net passes"


@pytest.mark.parametrize(
    "fields",
    [
        {"X_Original_From": f"A <{AUTHOR}>"},
        {"Reply_To": AUTHOR},
        {"Sender": AUTHOR},
        {"From": f"{AUTHOR} via list <{STRANGER}>", "Reply_To": AUTHOR},
    ],
)
def test_only_from_counts(desk: Desk, fields: dict[str, str]) -> None:
    refused = desk.order(STOP, STRANGER, **fields)
    assert (refused.done, refused.words.startswith(STRANGER)) == (False, True)


def test_two_senders_are_none(desk: Desk) -> None:
    raw = b"From: Some Body <" + AUTHOR.encode() + b">\n" + desk.signed(desk.mail(STOP))
    assert desk.only(raw).words == "its signature: unknown (the mail has 2 From: fields)"


def test_a_lists_footer_breaks_it_and_an_intact_copy_is_heard_all_the_same(desk: Desk) -> None:
    raw = desk.signed(desk.mail(STOP))
    assert desk.only(raw + FOOTER).words == "its signature: fail (example.org: body hash)"
    assert desk.store.heard() == (0, 1)
    assert desk.only(raw).done
    assert desk.store.heard() == (1, 0)
    (again,) = desk.hear(raw + FOOTER)
    assert (again.fresh, again.accepted) == (False, 1)


def test_words_that_were_put_into_a_signed_mail_do_not_count(desk: Desk) -> None:
    raw = desk.signed(desk.mail("I see.\n")) + STOP.encode()
    assert not desk.only(raw).done


def test_the_same_mail_again_does_nothing_again(desk: Desk) -> None:
    raw = desk.signed(desk.mail("#revokebot explain resv-lock\n", MAINTAINER))
    first, second = desk.hear(raw, raw)
    assert (first.fresh, second.fresh) == (True, False)
    assert first.outcomes == second.outcomes
    assert len(desk.answers()) == 1


def test_an_order_sent_once_more_with_another_id_is_not_obeyed(desk: Desk) -> None:
    covered = "from:to:subject:date"
    raw = desk.signed(desk.mail(STOP), signed=covered)
    assert desk.only(raw).done
    assert desk.order("#revokebot start").done
    replay = raw.replace(b"<order-1@", b"<replay@")
    assert desk.look(replay, parse_mail(replay)) == "pass (example.org)"
    assert desk.only(replay).words == "it was heard already, as <order-1@example.org>"
    assert desk.store.leaves() == ()


def test_an_order_is_for_the_thread_that_its_subject_names(desk: Desk) -> None:
    raw = desk.signed(desk.mail(STOP, parent="other@example.org", subject="Re: [PATCH] other"))
    moved = raw.replace(b"<other@example.org>", b"<" + desk.envelope.msgid.encode() + b">")
    assert desk.look(moved, parse_mail(moved)) == "pass (example.org)"
    assert desk.only(moved).words == "its Subject is not that of the mail that it answers"
    assert desk.order(STOP, subject=f"AW: [list] {desk.draft.subject}").done


@pytest.mark.parametrize(
    ("covered", "words"),
    [
        ("from:to:subject", "its signature: fail (example.org: Date: is not signed)"),
        ("from:to:date", "its signature: fail (example.org: Subject: is not signed)"),
    ],
)
def test_what_a_replay_could_change_has_to_be_signed(desk: Desk, covered: str, words: str) -> None:
    assert desk.only(desk.signed(desk.mail(STOP), signed=covered)).words == words


@pytest.mark.parametrize("days", [-2, 31])
def test_orders_do_not_hold_for_ever(desk: Desk, days: int) -> None:
    date = format_datetime(desk.now - timedelta(days=days))
    assert desk.order(STOP, Date=date).words.endswith("and orders hold for 30 days")
    assert desk.order(STOP, Date="").words == "the mail has no date"


def test_it_has_to_answer_a_mail_of_ours(desk: Desk) -> None:
    for parent in ("", "other@example.org"):
        refused = desk.order(STOP, parent=parent)
        assert refused.words == "the mail answers none of ours about a series"
    chain = f"<{desk.envelope.msgid}> <other@example.org>"
    assert desk.order(STOP, parent="other@example.org", References=chain).done


def test_programs_and_we_ourselves_are_not_heard(desk: Desk) -> None:
    words = desk.order(STOP, Auto_Submitted="auto-replied").words
    assert words == "a program sent the mail (Auto-Submitted: auto-replied)"
    assert desk.order(STOP, BOT).words == "the mail is our own"
    desk.policy(bots=(AUTHOR,))
    assert desk.order(STOP).words == "a bot sent the mail"


def test_a_silent_name_server_is_asked_again_and_not_for_ever(desk: Desk) -> None:
    raw = desk.signed(desk.mail(STOP))
    look = desk.look
    with silent() as server:
        desk.look = signatures(DkimSettings((server.address,), 0.3))
        (heard,) = desk.hear(raw)
        assert (heard.again, heard.outcomes) == (True, ())
        assert desk.store.heard() == (0, 0)
        desk.look = look
        assert desk.only(raw).done
        late = desk.signed(desk.mail(STOP))
        desk.after(days=2).look = signatures(DkimSettings((server.address,), 0.3))
        assert desk.only(late).words == "its signature: unknown (example.org: DNS timed out)"


def test_nobody_is_asked_about_what_is_refused_anyhow(desk: Desk) -> None:
    with silent() as server:
        desk.look = signatures(DkimSettings((server.address,), 0.3))
        assert not desk.order(STOP, STRANGER).done
        assert not server.asked


def test_a_mail_without_orders_is_not_kept(desk: Desk) -> None:
    assert desk.hear(desk.signed(desk.mail("Thanks, I see.\n"))) == ()
    assert desk.store.heard() == (0, 0)
