# SPDX-License-Identifier: GPL-2.0-or-later
"""`revokebot queue` as it is typed, at a real outbox and with a real editor."""

from __future__ import annotations

import mailbox
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.cli import main
from bot.commands.output import write_mbox
from bot.outbox.edited import edited
from bot.outgoing import Envelope, Judged, State
from bot.settings import StoreSettings
from bot.store import Store
from tests.store.outbox import DRAFT, LEASE, NOW, RECIPIENTS, REVIEW, SEND, fill, written


@pytest.fixture
def outbox(tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch) -> StoreSettings:
    settings = StoreSettings(store_url)
    monkeypatch.setenv("REVOKEBOT_STORE_URL", store_url)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    with Store.open(settings) as store:
        fill(store, DRAFT)
    return settings


def states(outbox: StoreSettings) -> list[str]:
    with Store.open(outbox) as store:
        return [draft.state.value for draft in store.drafts()]


def raw(outbox: StoreSettings, id_: int = 1) -> bytes:
    with Store.open(outbox) as store:
        return store.draft(id_).envelope.raw


def test_the_way_of_two_drafts(outbox: StoreSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queue"]) == 0
    out = capsys.readouterr().out
    assert out.count(" draft ") == 2
    assert "post = draft" in out
    assert main(["queue", "approve", "1"]) == 0
    assert main(["queue", "discard", "2", "--reason", "said\x1b[31m by A U Thor"]) == 0
    assert states(outbox) == ["approved", "discarded"]
    capsys.readouterr()
    assert main(["queue", "list"]) == 0
    assert "discarded" not in capsys.readouterr().out
    assert main(["queue", "list", "--all"]) == 0
    out = capsys.readouterr().out
    assert "said\\x1b[31m by A U Thor" in out
    assert "\x1b" not in out
    assert main(["queue", "list", "--state", "approved"]) == 0
    assert capsys.readouterr().out.count("approved") >= 1


def test_a_wrong_step_is_one_line_and_status_2(
    outbox: StoreSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["queue", "retry", "1"]) == 2
    err = capsys.readouterr().err
    assert "reply 1 is draft and can't be retried: approve, edit or discard it" in err
    assert err.count("\n") == 1
    assert main(["queue", "show", "7"]) == 2
    assert "there is no reply 7" in capsys.readouterr().err
    for wrong in ("abc", "9" * 30, "1_0"):
        assert main(["queue", "show", wrong]) == 2
        err = capsys.readouterr().err
        assert f"'{wrong}' is no number; `revokebot queue list`" in err
        assert err.count("\n") == 1
        assert "internal error" not in err
    assert main(["queue", "approve"]) == 2
    assert main(["queue", "burn"]) == 2


def test_what_one_reply_does_not_allow_does_not_stop_the_others(
    outbox: StoreSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["queue", "approve", "7", "1", "2"]) == 2
    done = capsys.readouterr()
    assert done.out == "reply 1 is approved\nreply 2 is approved\n"
    assert "there is no reply 7" in done.err


def test_a_failed_reply_is_retried(outbox: StoreSettings) -> None:
    assert main(["queue", "approve", "1", "2"]) == 0
    with Store.open(outbox) as store:
        draft = store.claim("one", NOW.replace(year=2100), LEASE)
        assert draft is not None
        store.failed(draft.id, "one", NOW, "550 no")
    assert main(["queue", "retry", "1"]) == 0
    assert states(outbox) == ["approved", "approved"]


def test_what_did_not_reach_all_is_listed_for_a_week(
    outbox: StoreSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["queue", "approve", "1", "2"]) == 0
    now = datetime.now(UTC)
    with Store.open(outbox) as store:
        for moment, refused in ((now, "550 closed"), (now - timedelta(days=8), "550 shut")):
            draft = store.claim("one", now, LEASE)
            assert draft is not None
            words = f"sent, but not to {RECIPIENTS[1]}: {refused}"
            store.sent(draft.id, "one", moment, words, {RECIPIENTS[1]: refused})
    capsys.readouterr()
    assert main(["queue"]) == 0
    out = capsys.readouterr().out
    assert f"sent, but not to {RECIPIENTS[1]}: 550 closed" in out
    assert "550 shut" not in out
    assert main(["queue", "list", "--state", "sent"]) == 0
    assert "550 shut" in capsys.readouterr().out
    assert main(["queue", "show", "1"]) == 0
    assert f"refused:    {RECIPIENTS[1]}: 550 closed" in capsys.readouterr().out


def test_only_what_will_go_has_a_time(
    outbox: StoreSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["queue", "approve", "1"]) == 0
    with Store.open(outbox) as store:
        now = datetime.now(UTC)
        for end in ("later", "sent"):
            assert store.claim("one", now, LEASE) is not None
            if end == "later":
                store.later(1, "one", now, now, "451 not now")
            else:
                store.sent(1, "one", now, "250 ok", {})
            capsys.readouterr()
            assert main(["queue", "list", "--all"]) == 0
            assert main(["queue", "show", "1"]) == 0
            assert ("not before" in capsys.readouterr().out) is (end == "later")


def test_the_switch(outbox: StoreSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["queue", "stop", "maintainer asked"]) == 0
    with Store.open(outbox) as store:
        assert store.stopped() == "maintainer asked"
    capsys.readouterr()
    assert main(["queue"]) == 0
    assert "all is stopped: maintainer asked" in capsys.readouterr().out
    assert main(["queue", "start"]) == 0
    with Store.open(outbox) as store:
        assert store.stopped() is None


def test_show_tells_all_and_lets_no_escape_through(
    outbox: StoreSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    envelope = Envelope("bad@localhost", "bot@localhost", RECIPIENTS, b"To: a\n\n\x1b[2Jhello\n")
    with Store.open(outbox) as store:
        store.record(REVIEW, (), [Judged(envelope, "p@example.org", "\x1b]0;x\x07", SEND)], NOW)
    assert main(["queue", "show", "3"]) == 0
    assert main(["queue", "list"]) == 0
    out = capsys.readouterr().out
    assert "\\x1b[2Jhello" in out
    assert "recipients: " + ", ".join(RECIPIENTS) in out
    assert "\x1b" not in out


def test_export_writes_an_mbox_once(outbox: StoreSettings, tmp_path: Path) -> None:
    path = tmp_path / "out.mbox"
    assert main(["queue", "export", "1", "2", "--to-mbox", str(path)]) == 0
    box = mailbox.mbox(path)
    ids = [mail["Message-ID"] for mail in box]
    box.close()
    assert ids == [f"<{envelope.msgid}>" for envelope, *_ in written()]
    before = path.read_bytes()
    assert main(["queue", "export", "1", "--to-mbox", str(path)]) == 2
    assert path.read_bytes() == before
    assert states(outbox) == ["draft", "draft"]


def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Let the editor be `sed` with this script; its path holds a blank, as users' do."""
    folder = tmp_path / "my editor"
    folder.mkdir()
    program = folder / "edit.sh"
    program.write_text(f"#!/bin/sh\nexec sed -i -e '{script}' \"$2\"\n")
    program.chmod(0o755)
    monkeypatch.setenv("GIT_EDITOR", f"'{program}' --wait")
    monkeypatch.setenv("EDITOR", "false")


def test_edit_changes_text_and_drops_a_recipient(
    outbox: StoreSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, monkeypatch, "s/^wrong\\. /wröng. /;/^ .*maintainer@/d")
    before = raw(outbox)
    assert b"maintainer@" in before.partition(b"\n\n")[0]
    assert main(["queue", "edit", "1"]) == 0
    with Store.open(outbox) as store:
        draft = store.draft(1)
    assert "\nwröng. " in draft.envelope.raw.decode()
    assert draft.envelope.recipients == RECIPIENTS[:2]
    assert (draft.state, draft.reason) == (State.DRAFT, "edited by hand")
    assert list(tmp_path.glob("revokebot-1-*")) == []


def test_the_first_character_beyond_ascii_makes_the_mail_8bit(outbox: StoreSettings) -> None:
    with Store.open(outbox) as store:
        draft = store.draft(1)
    plain = draft.envelope.raw.replace("ä".encode(), b"a").replace(
        b"Encoding: 8bit", b"Encoding: 7bit"
    )
    assert plain.isascii()
    draft = draft._replace(envelope=draft.envelope._replace(raw=plain))
    assert edited(draft, plain + b"bye\n")[0].raw == plain + b"bye\n"
    made = edited(draft, plain + "tschüß\n".encode())[0].raw
    assert b"Content-Transfer-Encoding: 8bit" in made
    assert made.endswith("tschüß\n".encode())


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("s/^Message-ID: <re/Message-ID: <xx/", "Message-ID must stay"),
        ("s/^In-Reply-To: </In-Reply-To: <x/", "In-Reply-To must stay"),
        ("s/^From: .*/From: A U Thor <author@example.org>/", "From must stay"),
        ("/^Auto-Submitted/d", "Auto-Submitted must stay"),
        ("s/^To: .*/&, new@example.org/", "new@example.org: recipients can be taken away"),
        ("1iBcc: new@example.org", "new@example.org: recipients can be taken away"),
        ("1iTo: author@example.org", "To stands there twice"),
        ("/^To: /d;/^Cc: /,/^[^ C]/{/^Cc:/d;/^ /d}", "no recipient is left"),
        ("/^$/d", "cannot be read|no text is left"),
        ("/^$/,$d", "no text is left"),
        ("1inot a header", "cannot be read"),
        ("s/^Subject: .*/Subject:/;/^ .*lend buffers/d", "Subject"),
    ],
)
def test_edit_refuses_what_would_go_astray(
    outbox: StoreSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str,
    words: str,
) -> None:
    editor(tmp_path, monkeypatch, script)
    before = raw(outbox)
    assert main(["queue", "edit", "1"]) == 2
    err = capsys.readouterr().err
    assert any(word in err for word in words.split("|")), err
    assert raw(outbox) == before
    (kept,) = tmp_path.glob("revokebot-1-*")
    assert str(kept) in err
    assert kept.stat().st_mode & 0o777 == 0o600


def test_an_editor_that_fails_changes_nothing(
    outbox: StoreSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EDITOR", "false")
    before = raw(outbox)
    assert main(["queue", "edit", "1"]) == 2
    assert "the editor `false` ended with 1; nothing was changed" in capsys.readouterr().err
    monkeypatch.setenv("VISUAL", "true")
    assert main(["queue", "edit", "1"]) == 0
    assert raw(outbox) == before
    assert main(["queue", "approve", "1"]) == 0
    assert main(["queue", "edit", "1"]) == 2
    assert list(tmp_path.glob("revokebot-1-*")) == []


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo more >> $1; exit 1", "ended with 1; nothing was changed, your text is in"),
        ("rm $1", "left no "),
        # ^C goes to all programs of the terminal.
        (
            "kill -INT $PPID; sleep 0.1; echo more >> $1; exit 2",
            "ended with 2; nothing was changed",
        ),
    ],
)
def test_what_an_editor_can_do(
    outbox: StoreSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str,
    words: str,
) -> None:
    program = tmp_path / "edit.sh"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("EDITOR", f"exec {program}")
    before = raw(outbox)
    assert main(["queue", "edit", "1"]) == 2
    assert words in capsys.readouterr().err
    assert raw(outbox) == before
    kept = list(tmp_path.glob("revokebot-1-*"))
    assert [path.read_bytes() for path in kept] == ([] if "rm" in script else [before + b"more\n"])


def test_an_mbox_that_is_cut_off_does_not_stay(tmp_path: Path) -> None:
    def mails() -> Iterator[bytes]:
        yield written()[0].envelope.raw
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_mbox(str(tmp_path / "out.mbox"), mails())
    assert list(tmp_path.iterdir()) == []
