# SPDX-License-Identifier: GPL-2.0-or-later
"""What only PostgreSQL does: a server that goes and comes, others that hold a row, passwords."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.cli import main
from bot.errors import BotError, UsageError
from bot.outbox.database import LOCK
from bot.outbox.schema import reply, switch
from bot.outgoing import Envelope, Outcome, State
from bot.settings import StoreSettings
from bot.store import Store
from tests.postgres import PASSWORD, QUOTED, USER, Postgres
from tests.sending import SENT, World, state
from tests.store.outbox import LEASE, NOW, REVIEW, SEND, fill

pytestmark = pytest.mark.integration


@pytest.fixture
def url(postgres: Postgres) -> str:
    return postgres.new()


@pytest.fixture
def open_store(url: str) -> Iterator[Store]:
    with Store.open(StoreSettings(url)) as store:
        yield store


def test_a_server_that_is_restarted(postgres: Postgres, open_store: Store) -> None:
    fill(open_store)
    before = open_store.drafts()
    postgres.stop()
    try:
        with pytest.raises(BotError, match=r"refused.*, see that the server runs") as error:
            open_store.drafts()
        assert PASSWORD not in str(error.value)
        with pytest.raises(UsageError, match=r"^store.url postgresql.*see that the server runs"):
            Store.open(StoreSettings(postgres.url("postgres")))
    finally:
        postgres.start()
    assert open_store.drafts() == before
    open_store.stop("it works again")


def test_a_server_that_is_restarted_meanwhile(postgres: Postgres, open_store: Store) -> None:
    fill(open_store)

    def interrupted() -> None:
        with open_store._writing() as connection:
            connection.execute(reply.delete())
            postgres.stop()
            postgres.start()
            connection.execute(select(switch))

    with pytest.raises(BotError, match=r"it may have been kept all the same, .*try again"):
        interrupted()
    assert len(open_store.drafts()) == 2


def test_a_server_that_goes_while_a_mail_leaves(postgres: Postgres, open_store: Store) -> None:
    world = World(open_store)

    def deliver(envelope: Envelope) -> Outcome:
        world.delivered.append(envelope)
        postgres.stop()
        return SENT

    try:
        with pytest.raises(BotError, match="see that the server runs"):
            world.sender()._replace(deliver=deliver).run_once()
    finally:
        postgres.start()
    assert world.draft.state is State.SENDING
    world.seen(world.envelope.raw)
    assert state(world.after(minutes=2).run()) is State.SENT
    assert len(world.delivered) == 1


def test_another_program_that_holds_the_outbox(postgres: Postgres, url: str) -> None:
    impatient = StoreSettings(f"{url}?options=-c%20lock_timeout%3D50ms")
    with Store.open(impatient) as store, postgres.connect(url.rpartition("/")[2]) as other:
        (first, _) = fill(store)
        other.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        with pytest.raises(BotError, match="nothing was changed, another program holds it: try"):
            store.stop("asked to")
        assert store.stopped() is None
        other.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
        with other.transaction():
            other.execute("SELECT * FROM reply WHERE id = %s FOR UPDATE", [first])
            with pytest.raises(BotError, match="another program holds it"):
                store.discard(first, NOW, "no")
            assert store.draft(first).state is State.APPROVED, "reading waits for nobody"
            claimed = store.claim("one", NOW, LEASE)
            assert claimed is not None
            assert claimed.id != first, "a sender takes the next"


def test_a_user_without_rights(postgres: Postgres, url: str) -> None:
    name = url.rpartition("/")[2]
    with postgres.connect(name) as admin:
        admin.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        guest = StoreSettings(url.replace(f"{USER}:{QUOTED}", "guest:guest"))
        with pytest.raises(
            UsageError, match=r"permission denied.*; give this user the right to it"
        ):
            Store.open(guest)
        Store.open(StoreSettings(url)).close()
        admin.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
        with (
            Store.open(guest) as store,
            pytest.raises(BotError, match="nothing was changed, give this user the right"),
        ):
            store.stop("asked to")
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        with (
            Store.open(StoreSettings(url)) as store,
            pytest.raises(BotError, match="read-only transaction; nothing was changed, name a"),
        ):
            store.stop("asked to")


def test_many_at_once_never_wait_in_a_ring(open_store: Store) -> None:
    msgid = REVIEW.posting.series.msgid

    def turn(number: int) -> None:
        ids = fill(open_store, SEND)
        open_store.discard_for(msgid, NOW, "v3")
        if number % 3 == 0:
            chosen, _ = open_store.dismiss(ids[number % 2], "wrong", NOW)
            fill(open_store, SEND)
            open_store.undismiss([one.fingerprint for one in chosen])
        draft = open_store.claim(str(number), NOW, LEASE)
        if draft is not None:
            open_store.later(draft.id, str(number), NOW, NOW, "later")

    with ThreadPoolExecutor(4) as pool:
        results = [pool.submit(turn, number) for number in range(120)]
    wrong = [str(one.exception()) for one in results if one.exception()]
    # What one turn dismissed another may have taken back, or claimed; nothing else goes wrong.
    assert [words for words in wrong if "deadlock" in words or "store postgres" in words] == []
    assert len(wrong) < len(results)


def forms(url: str) -> dict[str, str]:
    """Every way to spell the URL with its password."""
    place = url.rpartition("@")[2]
    server, _, name = place.partition("/")
    return {
        "login": url,
        "plain scheme": url.replace("+psycopg", ""),
        "query": f"postgresql://{USER}@{place}?password={QUOTED}",
        "all in the query": f"postgresql+psycopg:///?host=127.0.0.1&port={server.partition(':')[2]}"
        f"&user={USER}&password={QUOTED}&dbname={name}",
    }


def run(*argv: str, **environ: str) -> tuple[int, str]:
    """Exit status of `revokebot`, and all that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "bot", *argv],
        env={**os.environ, **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("form", list(forms("://x@y:1/z")))
def test_the_password_is_shown_nowhere(postgres: Postgres, url: str, form: str) -> None:
    spelt = forms(url)[form]
    wrong = spelt.replace(f"{postgres.port}", "1")
    for place, command, status in (
        (spelt, ("config",), 0),
        (spelt, ("doctor", "--offline"), 0),
        (wrong, ("config", "--format", "json"), 0),
        (wrong, ("doctor", "--offline"), 2),
        (wrong, ("queue", "stop"), 2),
    ):
        code, said = run(*command, REVOKEBOT_STORE_URL=place)
        assert code == status, said
        assert PASSWORD[:6] not in said
        assert "127.0.0.1" in said


@pytest.mark.parametrize(
    "url_",
    [
        f"host=127.0.0.1 user=bot password='{PASSWORD}'",
        f"postgresql+psycopg://bot:{PASSWORD}@127.0.0.1/x",
        f"postgresql://bot:{QUOTED}@127.0.0.1:x/x",
        f"mysql://bot:{QUOTED}@127.0.0.1/x",
        f"postgresql:/bot:{QUOTED}@127.0.0.1/x",
        f"postgresql://bot:{QUOTED}\t@127.0.0.1/x",
    ],
)
def test_nor_that_of_a_url_that_is_none(url_: str) -> None:
    for command in (("config",), ("queue", "list"), ("doctor", "--offline")):
        _, said = run(*command, REVOKEBOT_STORE_URL=url_)
        assert "s3cret" not in said
        assert "store" in said


def in_file(folder: Path, url: str) -> StoreSettings:
    (folder / "password").write_text(f"{PASSWORD}\nand a second line\n")
    return StoreSettings(url, folder / "password")


def in_environment(monkeypatch: pytest.MonkeyPatch, url: str) -> StoreSettings:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    return StoreSettings(url)


def in_passfile(folder: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> StoreSettings:
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    (folder / ".pgpass").write_text(f"127.0.0.1:*:*:{USER}:{escaped}\n")
    (folder / ".pgpass").chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(folder / ".pgpass"))
    return StoreSettings(url)


@pytest.mark.parametrize("way", ["file", "environment", "passfile"])
def test_where_the_password_can_be(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    bare = url.replace(f":{QUOTED}", "")
    ways: dict[str, Callable[[], StoreSettings]] = {
        "file": lambda: in_file(tmp_path, bare),
        "environment": lambda: in_environment(monkeypatch, bare),
        "passfile": lambda: in_passfile(tmp_path, monkeypatch, bare),
    }
    with pytest.raises(UsageError, match=r"no password supplied; see .*store.password_file"):
        Store.open(StoreSettings(bare))
    with Store.open(ways[way]()) as store:
        assert store.drafts() == []
        assert PASSWORD not in store.url


def test_what_is_wrong_with_a_password_file(url: str, tmp_path: Path) -> None:
    bare = url.replace(f":{QUOTED}", "")
    file = tmp_path / "password"
    with pytest.raises(
        UsageError, match=r"store.password_file: .*No such file.*; put the password"
    ):
        Store.open(StoreSettings(bare, file))
    for content, words in (
        (b"\nx\n", "is empty"),
        (b"\xff\n", "cannot be read as UTF-8"),
        (b"t0p\n", "password authentication failed.*; see that the server runs and lets"),
    ):
        file.write_bytes(content)
        with pytest.raises(UsageError, match=words) as error:
            Store.open(StoreSettings(bare, file))
        assert "t0p" not in str(error.value)
    with pytest.raises(UsageError, match=r"store.url has a password, and store.password_file, too"):
        Store.open(StoreSettings(url, file))


def test_a_credential_of_systemd(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "outbox").write_text(PASSWORD)
    config = tmp_path / "config.toml"
    bare = url.replace(f":{QUOTED}", "")
    config.write_text(f'[store]\nurl = "{bare}"\npassword_file = "outbox"\n')
    assert main(["queue", "--config", str(config), "list"]) == 2
    assert f"store.password_file: {tmp_path}/outbox: No such file" in capsys.readouterr().err
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    assert main(["queue", "--config", str(config), "list"]) == 0
    assert main(["config", "--config", str(config), "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)["settings"]["store.password_file"]["value"]
    assert told == str(tmp_path / "credentials" / "outbox")
