# SPDX-License-Identifier: GPL-2.0-or-later
"""What the orders do: to dismissals, to whom is left alone, and to the mails that wait."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

from bot.in_force import in_force
from bot.outgoing import Action, State
from bot.sources.mail import parse_mail
from tests.orders.desk import AUTHOR, BOT, MAINTAINER, OPERATOR, STRANGER, Desk
from tests.sending import LIST


def test_dismiss_holds_and_keeps_who_said_it(desk: Desk) -> None:
    assert desk.order("#revokebot dismiss the helper is for tests only", MAINTAINER).done
    told = desk.store.dismissals()
    assert {one.fingerprint for one in told} == set(desk.draft.says)
    assert {(one.reason, one.who) for one in told} == {("the helper is for tests only", MAINTAINER)}


def test_dismiss_of_one_rule(desk: Desk) -> None:
    rule = desk.reply.findings[0].rule
    assert desk.order(f"#revokebot dismiss {rule}: not here").done
    assert {(one.rule, one.reason) for one in desk.store.dismissals()} == {(rule, "not here")}
    refused = desk.order("#revokebot dismiss resv-lock not here")
    assert (refused.done, "tells nothing of resv-lock" in refused.words) == (False, True)


def test_recheck_is_asked_for_until_it_is_done(desk: Desk) -> None:
    raw = desk.signed(desk.mail("#revokebot recheck\n"))
    series = desk.answer().review.posting.series.msgid
    (heard,) = desk.after(minutes=1).hear(raw)
    assert (heard.recheck, heard.fresh) == (series, True)
    (again,) = desk.after(minutes=1).hear(raw)
    assert (again.recheck, again.fresh) == (series, False), "a crash came in between"
    done = desk.answer()
    desk.store.record(done.review, done.entries, [], desk.now)
    (after,) = desk.hear(raw)
    assert after.recheck == ""


def test_stop_leaves_the_series_alone(desk: Desk) -> None:
    waiting = desk.second()
    assert desk.order("#revokebot stop, please").done
    assert desk.store.draft(waiting).state is State.DISCARDED
    assert desk.store.draft(waiting).reason == f"{AUTHOR} asked to stop"
    verdict = desk.verdict()
    assert (verdict.action, "told to leave the series" in verdict.reason) == (Action.DROP, True)
    assert desk.order("#revokebot start").done
    assert desk.verdict().action is not Action.DROP
    assert desk.store.leaves() == ()


def test_stop_author_leaves_the_author_of_the_series_alone(desk: Desk) -> None:
    assert desk.order("#revokebot stop author", MAINTAINER).done
    (left,) = desk.store.leaves()
    assert (left.kind, left.what, left.who) == ("author", AUTHOR, MAINTAINER)
    assert desk.verdict().reason == f"{AUTHOR} asked to be left alone (policy.leave)"
    refused = desk.order("#revokebot start author")
    assert (refused.done, refused.words.endswith(f"; {MAINTAINER} did")) == (False, True)
    assert desk.order("#revokebot start author", OPERATOR).done
    assert desk.store.leaves() == ()


def test_each_takes_back_only_what_he_asked_for(desk: Desk) -> None:
    assert desk.order("#revokebot stop", MAINTAINER).done
    assert desk.order("#revokebot stop").done
    taken = desk.order("#revokebot start")
    assert (taken.done, f"since {MAINTAINER} asked" in taken.words) == (True, True)
    assert [one.who for one in desk.store.leaves()] == [MAINTAINER]
    assert desk.verdict().action is Action.DROP


def test_anybody_opts_out_by_a_mail_to_the_bot(desk: Desk) -> None:
    stop, start = "#revokebot stop author", "#revokebot start author"
    assert desk.order(stop, STRANGER, parent="", subject="stop", To=BOT).done
    assert in_force(desk.settings, desk.store, desk.now).policy.leave == (STRANGER,)
    assert desk.order(start, STRANGER, parent="", subject="go").done
    assert desk.store.leaves() == ()
    elsewhere = desk.order(stop, STRANGER, parent="", To="list@example.org")
    assert elsewhere.words == "the mail answers none of ours, nor is it to us"


def test_a_list_is_opted_out_and_in(desk: Desk) -> None:
    waiting = desk.second()
    assert desk.order("#revokebot leave dma-buf@lists.example.org", OPERATOR).done
    assert desk.store.draft(waiting).state is State.DISCARDED
    assert desk.verdict().reason == f"the list {LIST} is to be left alone (policy.leave)"
    desk.policy(lists=())
    assert desk.order(f"#revokebot return {LIST}", OPERATOR).done
    policy = in_force(desk.settings, desk.store, desk.now).policy
    assert (policy.leave, policy.lists) == ((), (LIST,))
    assert desk.verdict().action is not Action.DROP
    assert desk.order(f"#revokebot leave {LIST}", OPERATOR).done
    assert in_force(desk.settings, desk.store, desk.now).policy.lists == ()


def test_a_person_is_opted_out_and_in_by_the_operator(desk: Desk) -> None:
    assert desk.order(f"#revokebot leave <{AUTHOR}>", OPERATOR, parent="").done
    assert desk.verdict().action is Action.DROP
    assert desk.order(f"#revokebot return {AUTHOR}", OPERATOR, parent="").done
    assert desk.store.leaves() == ()


def test_a_reply_is_judged_by_it_right_before_it_leaves(desk: Desk) -> None:
    assert desk.order("#revokebot stop author").done
    # As a review that had begun before would put it there.
    late = desk.second(Action.SEND)
    assert desk.store.draft(late).state is State.APPROVED
    left = len(desk.delivered)
    assert desk.run() is not None
    assert desk.store.draft(late).state is State.DISCARDED
    assert desk.store.draft(late).reason == f"{AUTHOR} asked to be left alone (policy.leave)"
    assert len(desk.delivered) == left


def test_approve_and_discard_by_the_operator(desk: Desk) -> None:
    waiting = desk.second()
    assert desk.order(f"#revokebot approve {waiting}", OPERATOR, parent="").done
    draft = desk.store.draft(waiting)
    assert (draft.state, draft.by_hand, draft.reason) == (State.APPROVED, True, "approved by mail")
    refused = desk.order(f"#revokebot approve {waiting}", OPERATOR)
    assert (refused.done, "can't be approved" in refused.words) == (False, True)
    assert desk.order(f"#revokebot discard {waiting} too late for it", OPERATOR).done
    draft = desk.store.draft(waiting)
    assert (draft.state, draft.by_hand, draft.reason) == (State.DISCARDED, True, "too late for it")
    assert desk.order("#revokebot approve 99", OPERATOR).words.startswith("there is no reply 99")
    refused = desk.order(f"#revokebot approve {waiting}", MAINTAINER)
    assert refused.words == "approve is for the operator alone"


@pytest.mark.parametrize("word", ["approve", "discard"])
def test_an_order_means_no_reply_that_was_written_after_it(desk: Desk, word: str) -> None:
    waiting = desk.second()
    written = parse_mail(desk.store.draft(waiting).envelope.raw).date
    assert written is not None
    before = format_datetime(written - timedelta(hours=1))
    refused = desk.order(f"#revokebot {word} {waiting}", OPERATOR, parent="", Date=before)
    assert refused.words.startswith(f"reply {waiting} is younger than the order, ")
    assert (refused.done, desk.store.draft(waiting).state) == (False, State.DRAFT)
    # A clock that is a little behind is none.
    behind = format_datetime(written - timedelta(minutes=2))
    assert desk.order(f"#revokebot {word} {waiting}", OPERATOR, parent="", Date=behind).done


def test_a_failed_reply_is_tried_again(desk: Desk) -> None:
    waiting = desk.second(Action.SEND)
    assert desk.store.claim("one", desk.now, timedelta(minutes=1)) is not None
    desk.store.failed(waiting, "one", desk.now, "550 no")
    assert desk.order(f"#revokebot approve {waiting}", OPERATOR).words.endswith("is retried")
    assert desk.store.draft(waiting).state is State.APPROVED


def test_explain_answers_the_asker_alone(desk: Desk) -> None:
    assert desk.order("#revokebot explain resv-lock", MAINTAINER).done
    (answer,) = desk.answers()
    assert answer.envelope.recipients == (MAINTAINER,)
    assert answer.state is State.APPROVED
    text = answer.envelope.raw.decode()
    assert "Auto-Submitted: auto-replied\n" in text
    assert f"In-Reply-To: <{answer.parent}>" in text
    assert "resv-lock: Hold the reservation lock" in text
    assert f"To: Some Body <{MAINTAINER}>\n" in text
    assert "Cc:" not in text
    assert "\n#revokebot" not in text
    assert desk.run() is not None
    assert desk.delivered[-1] == answer.envelope


def test_answers_to_one_person_are_bounded(desk: Desk) -> None:
    ask = "#revokebot explain resv-lock"
    assert [desk.order(ask, MAINTAINER).done for _ in range(12)] == [True] * 10 + [False] * 2
    assert desk.order(ask).done, "somebody else's"
    desk.after(hours=25)
    assert desk.order(ask, MAINTAINER).done


def test_a_mail_may_have_several(desk: Desk) -> None:
    text = "#revokebot explain resv-lock\n#revokebot explain pin-pair\n#revokebot sing\n"
    (heard,) = desk.hear(desk.signed(desk.mail(text)))
    assert (heard.accepted, heard.ignored) == (2, 1)
    assert heard.outcomes[2].words.startswith("there is no order 'sing'; known are dismiss, ")
    (answer,) = desk.answers()
    assert "pin-pair: " in answer.envelope.raw.decode()
    assert desk.store.heard() == (2, 1)
