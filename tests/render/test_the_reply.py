# SPDX-License-Identifier: GPL-2.0-or-later
"""Section *The reply* of the design, its first paragraph and its last: how a reply reads.

One test for each sentence, in the order of the section; `test_the_reply_sent`
and `test_the_reply_when` have the points between them.
"""

from __future__ import annotations

import re
from itertools import pairwise

from bot import __version__
from bot.render.mail import replies
from checks.api import Confidence
from tests.render.examples import every_reply
from tests.render.reading import (
    RETURN,
    changed,
    footer_of,
    one,
    own_text,
    parsed,
    text_of,
    written,
)
from tests.render.reviews import (
    FIRST,
    HEADER_DIFF,
    MASK,
    NOW,
    SECOND,
    SETTINGS,
    finding,
    review_of,
)

OBJECT = re.compile(
    r"\w_\w|\w\(\)|\.[chk]\b|@\w|->"
    r"|\b(?:attach\w*|fences?|callback|ioctl|importers?|exporters?|pin|unmap|modules?|import|list|tag|kernel-doc)\b"
)
"""A name of the patch or of the contract."""
VERDICT = re.compile(
    r"\b(?:you|your|AI|LLM|tools?|generated|obvious\w*|careless\w*|lazy|sloppy|stupid|silly|broken"
    r"|nonsense|again and again|simply|just)\b",
    re.IGNORECASE,
)


def test_a_reply_answers_one_patch_mail() -> None:
    assert [reply.parent for reply in written()] == [FIRST, SECOND]


def test_it_begins_with_an_attribution_like_that_of_mutt_in_the_zone_of_the_author() -> None:
    first = text_of(written()[0]).split("\n")[0]
    assert first == "On Mon, Feb 02, 2026 at 09:08:07AM +0100, Pätch Author wrote:"


def test_quoted_lines_are_those_of_the_diff_byte_for_byte_and_in_order() -> None:
    diff = HEADER_DIFF.split("\n")
    quoted = [line[2:] for line in text_of(written()[0]).split("\n") if line.startswith("> ")]
    at = 0
    for line in quoted:
        if line != "[ ... ]":
            at = diff.index(line, at) + 1
    assert at > 0


def test_what_is_left_out_between_quoted_lines_is_marked() -> None:
    diff = HEADER_DIFF.split("\n")
    body = text_of(written()[0]).split("\n-- \n")[0]
    quoted = [line[2:] for line in body.split("\n") if line.startswith("> ")]
    assert quoted[0] == "[ ... ]", "the commit message is left out"
    at = diff.index(quoted[1])
    for before, line in pairwise(quoted[1:]):
        if line == "[ ... ]":
            continue
        row = diff.index(line, at + 1)
        assert (row > at + 1) == (before == "[ ... ]")
        at = row


def test_at_most_five_quoted_lines_stand_above_a_remark() -> None:
    for reply in written():
        for block in re.findall(r"(?:^>.*\n)+", text_of(reply), re.MULTILINE):
            hunk = re.split(r"^> (?:@@ .*|\[ \.\.\. \])\n", block, flags=re.MULTILINE)[-1]
            assert 1 <= hunk.count("\n") <= 5


def test_file_header_and_hunk_line_are_kept_where_they_change() -> None:
    for reply in written():
        body = text_of(reply)
        assert body.count("\n> diff --git ") == 1
        assert body.count("\n> --- a/") == body.count("\n> +++ b/") == 1
        assert body.count("\n> @@ ") == 1


def test_the_remark_stands_unquoted_right_under_its_line() -> None:
    body = text_of(written()[0])
    assert f"\n> {RETURN}\n\nimporter_ops is NULL for importers" in body


def test_several_findings_are_in_the_order_of_the_diff() -> None:
    _, patch = changed()
    rows = [RETURN, "+\tif (!dma_buf_is_lent(dmabuf))", "+#define DMA_BUF_LEASE_MAX\t16"]
    found = [
        finding(patch, row, message=f"Words {n}.", symbol=f"s{n}") for n, row in enumerate(rows)
    ]
    words = re.findall(r"^Words \d", text_of(one(*found)), re.MULTILINE)
    assert words == ["Words 1", "Words 0", "Words 2"]


def test_findings_on_one_line_follow_each_other_without_a_second_quotation() -> None:
    body = text_of(written()[0])
    assert body.count(f"> {RETURN}") == 1
    assert body.index("importer_ops is NULL") < body.index("Please do not take")


def test_a_suggested_change_is_there_as_it_is_and_not_wrapped() -> None:
    first, _ = map(text_of, written())
    assert "\n+\treturn attach->importer_ops &&\n+\t       !dma_buf_keeps(attach);\n" in first
    long = "+\tfrob(" + ", ".join(f"argument_{n}" for n in range(30)) + ");"
    _, patch = changed()
    assert f"\n{long}\n" in text_of(one(finding(patch, RETURN, suggestion=f"{long}\n")))


def test_the_footer_has_at_most_four_lines_below_one_signature_mark() -> None:
    _, patch = changed()
    many = [finding(patch, RETURN, rule=f"a-rule-with-a-long-name-{n}") for n in range(12)]
    for reply in (*written(), one(*many)):
        assert text_of(reply).count("\n-- \n") == 1
        assert 1 <= len(footer_of(text_of(reply))) <= 4


def test_the_footer_says_what_it_is_in_two_lines_and_names_the_rules_below() -> None:
    settings = SETTINGS._replace(
        operator="A U Thor <author@example.org>", homepage="https://example.org/revokebot"
    )
    made, patch = changed()
    (reply,) = replies(review_of(made, finding(patch, RETURN)), settings, MASK, NOW)[0]
    who, stop, rules = footer_of(text_of(reply))
    assert who.startswith("revokebot ")
    assert stop.endswith(settings.homepage)
    assert rules.startswith("Rules: ")


def test_the_footer_says_who_runs_it() -> None:
    for reply in written():
        assert SETTINGS.operator in " ".join(footer_of(text_of(reply)))


def test_the_footer_of_an_operator_without_a_name_says_so() -> None:
    made, patch = changed()
    settings = SETTINGS._replace(operator="")
    (reply,) = replies(review_of(made, finding(patch, RETURN)), settings, MASK, NOW)[0]
    assert "nobody has put a name to yet" in text_of(reply)


def test_the_footer_says_that_it_is_a_bot_and_may_be_wrong() -> None:
    for reply in written():
        footer = " ".join(footer_of(text_of(reply)))
        assert ", a bot run by " in footer
        assert "may be wrong" in footer


def test_the_footer_says_how_to_answer_and_how_to_stop_it() -> None:
    for reply in written():
        footer = " ".join(footer_of(text_of(reply)))
        assert 'Answer it or say "#revokebot stop".' in footer
        assert not re.search(r"(?m)^#revokebot", text_of(reply))


def test_the_verdict_can_be_repeated_by_rules_and_version() -> None:
    for reply in written():
        footer = " ".join(footer_of(text_of(reply)))
        assert __version__ in footer
        assert all(found.rule in footer for found in reply.findings)


def test_rules_that_do_not_fit_into_the_footer_are_in_the_header() -> None:
    _, patch = changed()
    rules = [f"a-rule-with-a-long-name-{n}" for n in range(12)]
    reply = one(*(finding(patch, RETURN, rule=rule) for rule in rules))
    assert "X-Revokebot-Rules" in " ".join(footer_of(text_of(reply)))
    assert parsed(reply)["X-Revokebot-Rules"].split(", ") == sorted(rules)


def test_it_is_plain_text_in_utf_8_of_one_part() -> None:
    found = parsed(written()[0])
    assert found.get_content_type() == "text/plain"
    assert found.get_content_charset() == "utf-8"
    assert not found.is_multipart()


def test_own_text_is_wrapped_at_72() -> None:
    _, patch = changed()
    message = "Please hold the reservation lock here. " * 20
    lines = own_text(text_of(one(finding(patch, RETURN, message=message))))
    assert max(map(len, lines)) <= 72
    assert sum(len(line) > 50 for line in lines) > 8


def test_a_reply_about_one_rule_has_at_most_60_lines() -> None:
    assert [name for name, reply in every_reply() if text_of(reply).count("\n") > 60] == []


def test_prose_names_no_line_numbers() -> None:
    number = re.compile(r"\blines? \d|\.[chS]:\d|\bL\d+\b")
    told = [(name, line) for name, reply in every_reply() for line in own_text(text_of(reply))]
    assert [pair for pair in told if number.search(pair[1])] == []


def test_every_remark_names_its_object() -> None:
    for name, reply in every_reply():
        body = text_of(reply).partition("\n-- \n")[0]
        remarks = re.split(r"\n(?:> .*\n|>\n)+\n", body)[1:]
        assert remarks, name
        for remark in remarks:
            said = remark.partition("\n\n")[0]
            assert OBJECT.search(said) or said in ("Same here.", "Same here?"), (name, said)


def test_what_is_not_certain_is_asked() -> None:
    body = text_of(written()[0])
    assert body.count("?\n") == 1
    assert body.index("Please say what true promises.") < body.index("Or am I missing something?")
    sure = finding(changed()[1], RETURN)
    assert "?" not in "\n".join(own_text(text_of(one(sure))))
    assert "?" in "\n".join(own_text(text_of(one(sure._replace(confidence=Confidence.MEDIUM)))))


def test_there_is_no_verdict_on_people_or_their_tools() -> None:
    told = [(name, "\n".join(own_text(text_of(reply)))) for name, reply in every_reply()]
    assert [(name, VERDICT.findall(own)) for name, own in told if VERDICT.search(own)] == []


def test_sources_are_links_and_cited_once() -> None:
    link = "https://lore.kernel.org/r/20260101-lending@example.org"
    assert text_of(written()[0]).count(link) == 1
