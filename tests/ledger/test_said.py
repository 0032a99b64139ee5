# SPDX-License-Identifier: GPL-2.0-or-later
"""Replies of every habit: what they say, and under which lines of the diff."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.sources.said import said
from tests.ledger.frob import MAP, MOVE, OWN, posting_of, reply

POSTING = posting_of(MAP, MOVE)
NOTIFY = "+\tdma_buf_move_notify(frob->dmabuf);"
LONG = "+\tfrob_unmap_everything_that_was_ever_mapped_by_it(frob, frob->first_entry, frob->last);"
FILE = "drivers/frob/frob_dmabuf.c"


def test_a_remark_stands_under_the_last_quoted_line() -> None:
    body = f"""\
On Tue, A U Thor wrote:
> Step.
> diff --git a/{FILE} b/{FILE}
> @@ -10,4 +10,12 @@ static int frob_probe(struct frob *frob)
> +\tfrob_stop(frob);
> {NOTIFY}

Which lock is held here?
And why?

> +\tfrob_first(frob);

First what?
-- 
R E Viewer
"""
    one, two = said([reply(body)], [POSTING], OWN)
    assert (one.file, one.line_text, one.text) == (
        FILE,
        NOTIFY,
        "Which lock is held here?\nAnd why?",
    )
    assert one.quoted == ("+\tfrob_stop(frob);", NOTIFY)
    assert (one.patch, one.parent) == ("f1-1@author.example", "f1-1@author.example")
    assert (two.line_text, two.text) == ("+\tfrob_first(frob);", "First what?")
    assert not one.own
    assert not one.bot


def test_blanks_wraps_and_levels_do_not_matter() -> None:
    for quoted in (
        f"> {LONG}",
        ">> " + LONG.replace("\t", "        "),
        f"> > {LONG}",
        ">" + LONG,
        "> " + LONG.replace("(frob, ", "(frob,\n> "),
        "> " + LONG.replace("(frob, ", "(frob,\n"),
    ):
        (remark,) = said([reply(f"{quoted}\nEverything?\n")], [POSTING], OWN)
        assert (remark.line_text, remark.text, remark.file) == (LONG, "Everything?", FILE), quoted


def test_the_nearest_ancestor_is_the_patch_that_is_answered() -> None:
    removed = "-" + NOTIFY[1:]
    first = reply(f"> {removed}\nWhy?\n", parent="f1-2@author.example", msgid="r1@review.example")
    second = reply(
        f"> > {removed}\n> Why?\nBecause.\n", parent="r1@review.example", msgid="r2@review.example"
    )
    one, two = said([second, first], [POSTING], OWN)
    assert one.patch == two.patch == "f1-2@author.example"
    assert (one.parent, one.text) == ("r1@review.example", "Because.")
    assert one.line_text == two.line_text == removed


def test_what_is_not_in_the_diff_is_no_quoted_line() -> None:
    (remark,) = said([reply("> +\tfrob_invented(frob);\nWhat?\n")], [POSTING], OWN)
    assert (remark.quoted, remark.line_text, remark.text) == ((), "", "What?")


def test_programs_and_our_own_mails_are_told_apart() -> None:
    body = f"> {NOTIFY}\n\nHold it.\n"
    ours = reply(
        body,
        msgid="revokebot-1@elsewhere.example",
        extra="X-Revokebot-Rules: resv-lock,\n pin-pair\nAuto-Submitted: auto-replied\n",
    )
    feigned = reply(body, msgid="r2@x.example", extra="X-Revokebot-Rules: resv-lock\n")
    robot = reply(body, msgid="r3@x.example", sender="kernel test robot <lkp@intel.com>")
    auto = reply(body, msgid="r4@x.example", extra="Auto-Submitted: auto-generated\n")
    sent = reply(body, msgid="r5@x.example", sender=f"revokebot <{OWN.upper()}>")
    found = said([ours, feigned, robot, auto, sent], [POSTING], OWN)
    assert [(one.own, one.bot) for one in found] == [
        (True, False),
        (False, False),
        (False, True),
        (False, True),
        (True, False),
    ]
    assert found[0].rules == ("resv-lock", "pin-pair")
    assert found[1].rules == ()


def test_patches_and_mails_of_other_threads_say_nothing() -> None:
    other = reply(f"> {NOTIFY}\nWhy?\n", parent="nobody@x.example")
    raws = [other, *(mail.text.encode() for mail in POSTING.mails.values())]
    assert said(raws, [POSTING], OWN) == ()


@given(st.lists(st.sampled_from(["> ", ">", NOTIFY, "\n", "+++ b/", FILE, "x:", "-- ", "\xff"])))
def test_no_body_is_too_odd(pieces: list[str]) -> None:
    for remark in said([reply("".join(pieces))], [POSTING], OWN):
        assert remark.text.strip()
        assert all(line in MAP.split("\n") for line in remark.quoted)
