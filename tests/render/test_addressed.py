# SPDX-License-Identifier: GPL-2.0-or-later
"""The line about what is gone: what it says, in which reply, and that it is never a mail alone."""

from __future__ import annotations

import email
import email.policy

import pytest

from bot.outgoing import Action, Entry, Status, Verdict
from bot.render.mail import Reply, replies
from tests.render.reviews import FIRST, MASK, NOW, SECOND, SETTINGS, finding, posting, review
from tests.render.test_entries import EARLIER, found

LINK = f"https://lore.kernel.org/r/{EARLIER}"
HEADER = "include/linux/dma-buf.h"
SOURCE = "drivers/dma-buf/dma-buf.c"


def gone(mention: str = EARLIER, **changes: object) -> Entry:
    """A finding of v1 that v2 does not have."""
    named: dict[str, object] = {"rule": "resv-lock", "symbol": "dma_buf_lend", "file": SOURCE}
    finding = found()._replace(**{**named, **changes})  # type: ignore[arg-type]
    return Entry(finding, Status.ADDRESSED, "addressed in v2", mention, 2)


def written(*entries: Entry) -> dict[str, Reply]:
    """The replies to the review of two patches, by the patch that they answer."""
    done, refused = replies(review(), SETTINGS, MASK, NOW, gone=entries)
    assert refused == ()
    return {reply.parent: reply for reply in done}


def text_of(reply: Reply) -> str:
    return str(email.message_from_bytes(reply.raw, policy=email.policy.default).get_content())


def test_it_stands_between_the_last_remark_and_the_footer() -> None:
    plain, told = (text_of(written(*entries)[SECOND]) for entries in ((), (gone(),)))
    line = f"\nNo longer seen in v2: resv-lock in dma_buf_lend, see\n{LINK}\n\n-- \n"
    assert told == plain.replace("\n-- \n", line)
    assert "No longer" not in plain


@pytest.mark.parametrize(
    ("changes", "parent"),
    [
        ({"file": SOURCE, "symbol": "dma_buf_lend_count"}, SECOND),
        ({"file": SOURCE, "symbol": "nowhere"}, SECOND),
        ({"file": HEADER, "symbol": "dma_buf_lease_ends"}, FIRST),
        ({"file": HEADER, "symbol": "dma_buf_lend_count"}, FIRST),
        ({"file": "drivers/other.c", "symbol": "dma_buf_lend_count"}, FIRST),
        ({"file": SOURCE, "symbol": None}, SECOND),
    ],
)
def test_it_is_said_in_the_reply_that_is_nearest(changes: dict[str, object], parent: str) -> None:
    entry = gone()
    entry = entry._replace(finding=entry.finding._replace(**changes))  # type: ignore[arg-type]
    saying = [at for at, reply in written(entry).items() if reply.gone]
    assert saying == [parent]


def test_of_two_replies_about_a_file_the_one_with_the_symbol() -> None:
    _, second = posting().series.patches
    again = second._replace(number=1, msgid=FIRST, diff=second.diff.replace("lend_end", "lend_go"))
    made = posting(again, second)
    line = "+EXPORT_SYMBOL_GPL(dma_buf_lend_count);"
    both = review()._replace(
        posting=made, findings=(finding(again, line), finding(second, line, fingerprint="b"))
    )
    done, _ = replies(both, SETTINGS, MASK, NOW, gone=[gone(symbol="dma_buf_lend_end")])
    assert [bool(reply.gone) for reply in done] == [False, True]


def test_there_is_no_mail_for_it_alone() -> None:
    assert replies(review(), SETTINGS, MASK, NOW, entries=(), gone=[gone()]) == ((), ())


def test_each_mail_is_named_once_and_names_are_counted() -> None:
    many = [gone(symbol=f"frob_{number}") for number in (1, 1, 2, 3, 4, 5)]
    text = " ".join(text_of(written(*many, gone("other@example.org"))[SECOND]).split())
    names = "resv-lock in frob_1, resv-lock in frob_2, resv-lock in frob_3 and 2 more"
    assert f"No longer seen in v2: {names}, see {LINK} " in text
    assert "seen in v2: resv-lock in dma_buf_lend, see https://lore.kernel.org/r/other@e" in text
    assert text.count("No longer seen") == 2


def test_a_file_stands_for_a_symbol_that_is_not_there() -> None:
    assert "resv-lock in dma-buf.c, see" in text_of(written(gone(symbol=None))[SECOND])


@pytest.mark.parametrize("name", ["a\x1b[31mb.c", "a\u202eb.c", "x\n-- \n> y.c", "a\r\nBcc: b@c"])
def test_a_hostile_name_stays_in_its_line(name: str) -> None:
    reply = written(gone(symbol=None, file=name))[FIRST]
    text = text_of(reply)
    assert text.count("\n-- \n") == 1
    assert not {"\x1b", "\u202e", "\r"} & set(text)
    assert b"\nBcc:" not in reply.raw
    assert all(len(line) <= 72 for line in text.partition("No longer")[2].split("\n"))


def test_the_message_id_follows_from_what_is_said_to_be_gone() -> None:
    one, same, other = gone(fingerprint="a"), gone(fingerprint="a", rule="x"), gone(fingerprint="b")
    ids = [written(*entries)[SECOND].msgid for entries in ((), (one,), (same,), (other,))]
    assert ids[1] == ids[2]
    assert len(set(ids)) == 3
    assert written(one, other)[SECOND].msgid == written(other, one)[SECOND].msgid


def test_it_is_nothing_that_the_mail_tells_as_a_finding() -> None:
    verdict = Verdict(Action.DRAFT, "a person has to approve")
    plain, told = (written(*entries)[SECOND].judged(verdict) for entries in ((), (gone(),)))
    assert plain.says == told.says
    assert b"resv-lock" not in told.envelope.raw.partition(b"\n\n")[0], "nor in the header"
