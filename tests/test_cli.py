# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line as a user meets it: exit statuses, mistakes, pipes; never a traceback."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot import __version__
from bot.cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = str(ROOT / "examples/revocable-helper.mbox")
REVOKEBOT = [sys.executable, "-m", "bot"]

CLEAN = """\
From: Patch Author <author@example.org>
Subject: [PATCH] frob: count
Message-ID: <clean@example.org>
Date: Mon, 02 Feb 2026 09:08:07 +0100

Count.
---
diff --git a/frob.c b/frob.c
index 1111111..2222222 100644
--- a/frob.c
+++ b/frob.c
@@ -1,2 +1,3 @@
 int a;
+int b;
 int c;
"""


def run(*args: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*REVOKEBOT, *args], cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=60,
        check=False, env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done


def refused(*args: str, **environ: str) -> str:
    """The one line that is said of a mistake."""
    done = run(*args, stdin="", **environ)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("revokebot: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture
def clean(tmp_path: Path) -> str:
    path = tmp_path / "clean.eml"
    path.write_text(CLEAN)
    return str(path)


def test_version_and_help() -> None:
    assert run("--version").stdout == f"revokebot {__version__}\n"
    for done in (run(), run("--help")):
        assert done.returncode == 0
        assert all(command in done.stdout for command in COMMANDS)
    for command in COMMANDS:
        done = run(command, "--help")
        assert done.returncode == 0
        assert "exit status:" in done.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["rewiev"], "'rewiev' is no command; did you mean 'review'?"),
        (["--colour"], "unrecognized arguments: --colour"),
        (["review"], "the following arguments are required: SOURCE"),
        (["review", "--forma", "text", "x"], "unrecognized arguments: --forma"),
        (["review", "--format", "xml", "x"], "invalid choice: 'xml'"),
        (["review", "--select", "resvlock", "x"], "--select: no rule or topic is called 'resvlock'; did"),
        (["review", "--ignore", "xyzzy", "x"], "called 'xyzzy'; `revokebot rules` lists them"),
        (["review", "--select", "doc", "--ignore", "doc", "x"], "leave no rule to run"),
        (["review", "--revision", "0", "x"], "revisions start at 1"),
        (["review", "--tree", "/nowhere", "x"], "/nowhere: is no folder"),
        (["review", "--output", "/nowhere/x", EXAMPLE], "/nowhere/x: No such file or directory"),
        (["review", "/nowhere"], "/nowhere: no such file"),
        (["review", "--config", "/nowhere", EXAMPLE], "--config /nowhere: no such file"),
        (["backtest", "--jobs", "-1", "x"], "must be above 0"),
        (["backtest", "/nowhere"], "/nowhere: no such file"),
        (["rules", "resv-lok"], "no rule is called 'resv-lok'; did you mean 'resv-lock'?"),
        (["config", "--fail-on", "x"], "invalid choice: 'x'"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(args: list[str], said: str) -> None:
    assert said in refused(*args)


def test_an_unknown_variable_is_a_mistake() -> None:
    assert "REVOKEBOT_REVIEW_TREE" in refused("review", EXAMPLE, REVOKEBOT_REVIEW_TRE="x")


def test_control_characters_of_an_argument_are_not_printed() -> None:
    assert "\x1b" not in refused("review", "\x1b[2J")


def test_status_follows_fail_on(clean: str) -> None:
    assert run("review", clean).returncode == 0
    assert run("review", EXAMPLE).returncode == 1
    for level, status in (("note", 1), ("warning", 1), ("error", 0), ("never", 0)):
        done = run("review", "--select", "core-namespace", "--fail-on", level, EXAMPLE)
        assert done.returncode == status, level
        assert "core-namespace" in done.stdout


def test_an_error_in_one_source_does_not_stop_the_others(clean: str) -> None:
    done = run("review", "/nowhere", EXAMPLE, clean, "--format", "jsonl")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert [json.loads(line)["series"]["patches"] for line in done.stdout.splitlines()] == [2, 1]


def test_an_archive_that_cannot_be_reached_is_3_and_outranks_findings() -> None:
    url = "http://127.0.0.1:9/inbox"
    done = run("review", EXAMPLE, "a@example.org", "/nowhere", REVOKEBOT_ARCHIVE_URL=url,
               REVOKEBOT_ARCHIVE_RETRIES="0")  # fmt: skip
    assert done.returncode == 3
    assert done.stderr.count("\n") == 2
    assert "127.0.0.1:9" in done.stderr


def test_standard_input_and_output_file(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    done = run("review", "-", "--format", "jsonl", "--output", str(path), stdin=CLEAN)
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads(path.read_text())["series"]["msgid"] == "clean@example.org"


def test_clean_and_skipped_are_told_apart(clean: str) -> None:
    assert "skipped: no rule is about anything" in run("review", clean).stdout
    export = 'EXPORT_SYMBOL_NS_GPL(b, "DMA_BUF");'
    touching = CLEAN.replace("frob.c", "drivers/dma-buf/dma-buf.c").replace("int b;", export)
    assert "clean: 1 patch, nothing to say" in run("review", "-", stdin=touching).stdout
    pull = CLEAN.partition("\n---\n")[0].replace("[PATCH]", "[GIT PULL]")
    assert "skipped: there is no patch" in run("review", "-", stdin=pull).stdout


def test_mail_format_is_an_mbox() -> None:
    done = run("review", "--format", "mail", EXAMPLE)
    assert done.returncode == 1
    assert done.stdout.startswith("From mboxrd@z ")
    assert "\nSubject: Re: [PATCH 1/2] " in done.stdout
    assert "\nFrom: revokebot <revokebot@localhost>\n" in done.stdout


def test_who_asked_to_be_left_alone_is_in_no_mbox(tmp_path: Path) -> None:
    alone = {"REVOKEBOT_POLICY_LEAVE": "author@example.org"}
    done = run("review", "--format", "mail", EXAMPLE, **alone)
    assert done.stdout == ""
    assert "left out, since author@example.org asked to be left alone" in done.stderr
    path = tmp_path / "out.mbox"
    done = run("reply", "--to-mbox", str(path), EXAMPLE, **alone)
    assert path.read_bytes() == b""
    assert "left out, since author@example.org asked to be left alone" in done.stderr
    run("reply", "--to-mbox", str(tmp_path / "two.mbox"), EXAMPLE)
    assert (tmp_path / "two.mbox").read_bytes().count(b"\nSubject: Re: [PATCH ") == 2


def test_settings_come_from_the_file(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[review]\nformat = 'jsonl'\nselect = ['export']\nfail_on = 'never'\n")
    done = run("review", "--config", str(config), EXAMPLE)
    assert done.returncode == 0
    topics = {found["topic"] for found in json.loads(done.stdout)["findings"]}
    assert topics == {"export"}
    shown = run(
        "config", "--config", str(config), "--fail-on", "note", REVOKEBOT_REPLY_NAME="x"
    ).stdout
    assert f'= "jsonl"  ({config}:2)' in shown
    assert '"note"  (--fail-on)' in shown
    assert '"x"  (REVOKEBOT_REPLY_NAME)' in shown
    assert "(default)" in shown


def test_config_as_json() -> None:
    told = json.loads(run("config", "--format", "json").stdout)
    assert told["settings"]["review.edition"] == {"value": "auto", "origin": "default"}


def test_config_shows_no_password() -> None:
    for flags in ([], ["--format", "json"]):
        out = run("config", *flags, REVOKEBOT_STORE_URL="postgresql://bot:s3c:r@t@db/bot").stdout
        assert "postgresql://bot:***@db/bot" in out
        assert "s3c" not in out
        out = run("config", *flags, REVOKEBOT_WATCH_INBOXES="/srv/x,nntp://me:s3c@news/x").stdout
        assert "nntp://me:***@news/x" in out
        assert "s3c" not in out
    url = "sqlite:////srv/a:b@c/outbox.db"
    assert url in run("config", REVOKEBOT_STORE_URL=url).stdout


def test_rules_lists_and_shows() -> None:
    assert "\n  core-namespace" in run("rules").stdout
    shown = run("rules", "core-namespace").stdout
    assert shown.startswith("core-namespace: ")
    assert "\nbad:\n" in shown
    assert "\ngood: " in shown
    assert "  > +EXPORT_SYMBOL_GPL(" in shown
    ids = {rule["id"] for rule in json.loads(run("rules", "--format", "json").stdout)}
    assert {"core-namespace", "resv-lock"} <= ids


def test_doctor_names_what_is_wrong() -> None:
    done = run("doctor", "--offline")
    assert done.returncode == 0, done.stdout
    assert "ok    b4: 0.16.0" in done.stdout
    done = run("doctor", "--offline", "--tree", "/nowhere")
    assert done.returncode == 2
    assert "wrong tree: /nowhere: is no folder" in done.stdout
    done = run(
        "doctor", REVOKEBOT_ARCHIVE_URL="http://127.0.0.1:9/x", REVOKEBOT_ARCHIVE_RETRIES="0"
    )
    assert done.returncode == 3
    assert "wrong archive: " in done.stdout


def test_doctor_tells_what_git_says(tmp_path: Path) -> None:
    (tmp_path / ".gitconfig").write_text("[sendemail")
    done = run("doctor", "--offline", HOME=str(tmp_path), XDG_STATE_HOME=str(tmp_path))
    assert done.returncode == 2
    assert "wrong git: `git version` says: fatal: bad config line " in done.stdout


def test_doctor_looks_at_the_outbox_and_at_sending(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/outbox.db"
    out = run("doctor", "--offline", REVOKEBOT_STORE_URL=url).stdout
    assert "ok    outbox: none yet; " in out
    assert "ok    sending: not set up; " in out
    assert list(tmp_path.iterdir()) == []
    assert run("queue", "stop", "asked to", REVOKEBOT_STORE_URL=url).returncode == 0
    out = run("doctor", "--offline", REVOKEBOT_STORE_URL=url).stdout
    assert f"ok    outbox: {url}; all is stopped: asked to\n" in out
    (tmp_path / "outbox.db").chmod(0o640)
    done = run("doctor", "--offline", REVOKEBOT_STORE_URL=url)
    assert done.returncode == 2
    assert f"wrong outbox: others may use {tmp_path}/outbox.db; run `chmod 600`" in done.stdout
    (tmp_path / "outbox.db").write_text("no database, for certain")
    done = run(
        "doctor", "--offline", REVOKEBOT_STORE_URL=url, REVOKEBOT_REPLY_OPERATOR="the team",
        REVOKEBOT_DELIVERY_VIA="mbox", REVOKEBOT_REPLY_ADDRESS="bot@example.org",
    )  # fmt: skip
    assert done.returncode == 2
    assert "wrong outbox: " in done.stdout
    assert "wrong sending: delivery.path: set the Maildir or mbox" in done.stdout


def test_colour_only_on_a_terminal(clean: str) -> None:
    assert "\x1b[" not in run("review", clean).stdout
    assert "\x1b[1m" in run("review", clean, "--color", "always").stdout
    assert "\x1b[1m" in on_a_terminal("review", clean)
    assert "\x1b[" not in on_a_terminal("review", clean, "--color", "never")
    assert "\x1b[" not in on_a_terminal("review", clean, NO_COLOR="1")


def on_a_terminal(*args: str, **environ: str) -> str:
    """What `revokebot` prints when its output is a terminal."""
    ours, its = pty.openpty()
    env = {**os.environ, "TERM": "xterm", **environ}
    subprocess.run([*REVOKEBOT, *args], cwd=ROOT, stdout=its, timeout=60, check=True, env=env)
    os.close(its)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    return shown


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = (
        f"{sys.executable} -m bot review {' '.join([EXAMPLE] * 40)} --format jsonl | head -c 10"
    )
    done = subprocess.run(
        ["bash", "-c", command + "; exit ${PIPESTATUS[0]}"], cwd=ROOT, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.returncode == 128 + signal.SIGPIPE
    assert len(done.stdout) == 10


def test_what_the_locale_lacks_is_written_out(tmp_path: Path) -> None:
    path = tmp_path / "umlaut.eml"
    path.write_text(CLEAN.replace("Subject: [PATCH] frob: count", "Subject: [PATCH] frob: zähle"))
    done = run("reply", str(path), PYTHONIOENCODING="ascii", XDG_STATE_HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "# nothing to say of [PATCH] frob: z\\xe4hle\n"


def test_a_closed_output_is_no_error(clean: str) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *REVOKEBOT, "reply", clean],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_is_told_in_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*REVOKEBOT, "review", EXAMPLE], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True,
            timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "revokebot: No space left on device\n"


def test_ctrl_c_is_quiet() -> None:
    with subprocess.Popen(
        [*REVOKEBOT, "review", "-"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""
