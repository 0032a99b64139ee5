# SPDX-License-Identifier: GPL-2.0-or-later
"""What was told by mail counts for the commands of a shell, and can be seen and taken back there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.cli import main
from bot.orders.model import Asked, Heard, Order
from bot.outgoing import State
from bot.settings import StoreSettings
from bot.store import Store
from tests.store.memory import Operator


@pytest.fixture
def operator(tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Operator:
    return Operator(tmp_path, store_url, monkeypatch)


def tell(operator: Operator, url: str, word: str, target: str = "") -> Heard:
    """Let the author give an order in answer to a mail of ours, signed as far as that matters."""
    with Store.open(StoreSettings(url)) as store:
        parent = store.drafts()[0].envelope.msgid
        order = Order(f"#revokebot {word} {target}\x1b[31m", word, target)
        asked = Asked("order@example.org", "author@example.org", word, word, (parent,))
        asked = asked._replace(answered=store.known(asked).answered)
        return store.hear(asked, [(order, "")], operator.now)


def test_a_series_that_is_left_alone_is_so_in_a_thread_of_its_own(
    operator: Operator, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert operator.draft(*operator.mails(1))
    assert operator.send()
    assert tell(operator, store_url, "stop").accepted == 1
    assert operator.draft(*operator.mails(2)) == []
    (reason,) = {one.reason for one in operator.drafts(State.DISCARDED)}
    assert reason.startswith("we were told to leave the series of 20260203-can-revoke-v1-0-")
    capsys.readouterr()
    assert main(["reply", operator.mbox(*operator.mails(2))]) == 0
    assert "# drop: we were told to leave the series" in capsys.readouterr().out
    series = reason.split()[8]
    assert main(["queue", "unleave", f"<{series}>"]) == 0
    assert operator.draft(*operator.mails(2))


def test_drafts_of_all_revisions_go_at_once(operator: Operator, store_url: str) -> None:
    operator.draft(*operator.mails(1))
    assert operator.send()
    waiting = operator.draft(*operator.mails(2))
    assert waiting
    tell(operator, store_url, "stop")
    assert operator.drafts() == []


def test_what_was_asked_is_shown_and_taken_back(
    operator: Operator, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operator.draft(*operator.mails(1))
    tell(operator, store_url, "stop", "author")
    capsys.readouterr()
    assert main(["queue", "leaves"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("author author@example.org: author@example.org asked on ")
    assert out.endswith(" in <order@example.org>\n")
    assert main(["queue", "orders"]) == 0
    out = capsys.readouterr().out
    assert (
        "UTC author@example.org <order@example.org>\n      #revokebot stop author\\x1b[31m\n" in out
    )
    assert "      done: author author@example.org is left alone; " in out
    assert main(["queue", "unleave", "Author@example.org"]) == 0
    assert main(["queue", "leaves"]) == 0
    assert main(["queue", "unleave", "author@example.org"]) == 2
    assert "nobody asked about author@example.org; `revokebot" in capsys.readouterr().err
