# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever happens in the child, the parent gets one line, in time, and nothing lives on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.errors import ArchiveError
from bot.sources import archive
from bot.sources.archive import fetch
from bot.sources.options import ArchiveOptions, SourceOptions
from tests.archive.server import MAIL, MSGID, Server, mbox
from tests.archive.thread import mails_of

LIMITS = ArchiveOptions(deadline=1, retries=0, max_bytes=8 << 20)
ROOT = Path(__file__).resolve().parents[2]


def mail(msgid: str, subject: str, body: str = "Hm.\n") -> bytes:
    return (
        f"From: E Vil <evil@example.org>\nSubject: {subject}\nDate: Mon, 02 Nov 2026 10:00:00 +0000\n"
        f"Message-ID: <{msgid}>\nIn-Reply-To: <{MSGID}>\nReferences: <{MSGID}>\n\n{body}"
    ).encode()


HOSTILE = {
    "direction": mail("u202e@example.org", "Re: [PATCH] toy: one", "if (a\u202e) return\u2066;\n"),
    "brackets": mail("brackets@example.org", "[" * 100_000),
    "brackets that pass": mail("few@example.org", "[" * 1900),
    "blank lines": mail("blank@example.org", "[PATCH] toy: two", "\n" * 100_000),
    "trailers": mail(
        "trailers@example.org", "Re: [PATCH] toy: one", "Acked-by: " + "a@" * 50_000 + "\n"
    ),
    "statistics": mail("stat@example.org", "[PATCH] toy: three", "1 file" + "1" * 100_000 + "\n"),
    "pairs": mail("pairs@example.org", "[PATCH] toy: four", "a: b\n" * 20_000),
    "change-id": mail(
        "change@example.org", "[PATCH] toy: 5", "change-id: " + '"x) OR (' * 9_000 + "\n"
    ),
    "header": mail("header@example.org", "[PATCH] toy: 6\nX-Long: " + "a@b, " * 20_000),
    "charset": mail("charset@example.org", "[PATCH] toy: 7\nContent-Type: text/plain; charset=no"),
    "subject": mail("word@example.org", "=?utf-8?b?" + "/" * 900 + "?= [PATCH] toy: 8"),
}


def test_hostile_mails_arrive(server: Server) -> None:
    server.archives["hostile"] = (mbox(MAIL, *HOSTILE.values()), "no-result")
    limits = LIMITS._replace(deadline=10, url=server.url("hostile"))
    start = time.monotonic()
    thread = fetch(MSGID, SourceOptions(archive=limits))
    assert thread.mails == (MAIL, *HOSTILE.values())
    assert time.monotonic() - start < 10


def test_withheld_mail_is_named(server: Server) -> None:
    server.archives["withheld"] = (mbox(MAIL, HOSTILE["brackets"]), "no-result")
    limits = LIMITS._replace(deadline=5, url=server.url("withheld"))
    thread = fetch(MSGID, SourceOptions(archive=limits))
    assert [(note.kind, note.where) for note in thread.notes] == [
        ("withheld-from-b4", "brackets@example.org")
    ]


FATES = [
    ("raise SystemExit(3)", "ended with status 3"),
    ("raise RuntimeError('the sky fell')", "ended with status 1 .*the sky fell"),
    ("import os; os.kill(os.getpid(), 11)", "ended by SIGSEGV"),
    ("import resource as r; r.setrlimit(r.RLIMIT_CPU, (0, 2))\nwhile True: pass", "processor time"),
    ("import time; time.sleep(60)", "no end within the time limit"),
    ("import os; os.close(1); os.close(2); import time; time.sleep(60)", "hangs"),
    ("print('garbage ' * 9)", "answered with garbage"),
    ("print('M', end='')", "ended with status 0"),
    (
        "import os\nwhile True: os.write(1, b'M' + bytes(6) + b'\\x10\\0' + bytes(4096))",
        "too large",
    ),
    ("import os; os.write(1, b'J' + bytes(7) + b'\\x02' + b'[]')", "answered with garbage"),
]


@pytest.mark.parametrize(("script", "says"), FATES, ids=[row[0][:40] for row in FATES])
def test_fate_of_the_child(monkeypatch: pytest.MonkeyPatch, script: str, says: str) -> None:
    monkeypatch.setattr(archive, "_START", script)
    start = time.monotonic()
    with pytest.raises(ArchiveError, match=says) as caught:
        mails_of(
            MSGID, SourceOptions(archive=LIMITS._replace(deadline=0.6, url="http://127.0.0.1:1/x"))
        )
    assert time.monotonic() - start < 5
    assert "\n" not in str(caught.value)


def test_thread_survives_the_death_of_b4(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    monkeypatch.setattr(
        archive,
        "_START",
        "import sys; sys.path.insert(0, sys.argv[1]); from bot.sources import b4_child as c;"
        " c._other_revisions = lambda *_: sys.exit(1); c.main()",
    )
    options = SourceOptions(archive=LIMITS._replace(deadline=3, url=server.url("good")))
    thread = fetch(MSGID, options)
    assert thread.mails == (MAIL,)
    assert [note.kind for note in thread.notes] == ["other-revisions-unknown"]


def test_memory_limit_holds(server: Server) -> None:
    tight = LIMITS._replace(url=server.url("good"), deadline=5, memory=24 << 20)
    with pytest.raises(ArchiveError, match=r"archive\.memory|status 1"):
        mails_of(MSGID, SourceOptions(archive=tight))


def test_nothing_of_ours_reaches_the_child(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: Server
) -> None:
    (tmp_path / ".gitconfig").write_text("[b4]\n\tmidmask = http://127.0.0.1:1/%s\n")
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "GIT_CONFIG_GLOBAL"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    options = SourceOptions(archive=LIMITS._replace(deadline=3, url=server.url("good")))
    before = set(tmp_path.iterdir())
    assert mails_of(MSGID, options) == [MAIL]
    assert set(tmp_path.iterdir()) == before


def _left(mark: str) -> list[int]:
    """Processes with `mark` in their environment."""
    found = []
    for place in Path("/proc").iterdir():
        try:
            if place.name.isdigit() and mark.encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_child_outlives_us(tmp_path: Path, server: Server, sent: signal.Signals) -> None:
    script = (
        "from bot.sources.archive import *; from bot.sources.options import *\n"
        f"o = ArchiveOptions(url={server.url('silent')!r}, deadline=30, read_timeout=30)\n"
        "fetch('a@b', SourceOptions(archive=o))\n"
    )
    hits = server.hits["silent"]
    with subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    ) as parent:
        until = time.monotonic() + 10
        while server.hits["silent"] == hits and time.monotonic() < until:
            time.sleep(0.02)
        assert len(_left(str(tmp_path))) == 2
        parent.send_signal(sent)
        assert parent.wait(5) != 0
    until = time.monotonic() + 3
    while _left(str(tmp_path)) and time.monotonic() < until:
        time.sleep(0.02)
    assert _left(str(tmp_path)) == []


def test_the_parent_imports_no_b4(server: Server) -> None:
    script = (
        "import sys; from bot.sources.archive import *; from bot.sources.options import *\n"
        f"print(fetch('a@b', SourceOptions(archive=ArchiveOptions(url={server.url('good')!r}))))\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "[PATCH] toy: one" in run.stdout
    assert not {"b4", "liblore", "requests", "urllib3"} & set(run.stdout.split("'"))


def test_the_child_is_of_the_same_copy_as_the_parent(tmp_path: Path, server: Server) -> None:
    for package in ("bot", "checks"):
        shutil.copytree(ROOT / package, tmp_path / package)
    session = tmp_path / "bot/sources/bounded_http.py"
    session.write_text(
        session.read_text().replace('"User-Agent": user_agent', '"User-Agent": "copy"')
    )
    script = (
        "from bot.sources.archive import *; from bot.sources.options import *\n"
        f"fetch('a@b', SourceOptions(archive=ArchiveOptions(url={server.url('good')!r})))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    assert "copy" in server.agents
    server.agents.discard("copy")
