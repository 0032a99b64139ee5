# SPDX-License-Identifier: GPL-2.0-or-later
"""The rest of a series is taken from git where it is surely the same, and from nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.errors import InputError
from bot.model import Posting
from bot.sources.around import TRACKING, whole
from bot.sources.mail import read_mail
from bot.sources.mbox import split_mbox
from bot.sources.series import assemble
from tests.b4.reviewing import mails_of
from tests.b4.running import half_done
from tests.web.branches import Repository


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return half_done(tmp_path_factory.mktemp("around") / "linux")


@pytest.fixture(scope="module")
def mails(made: Repository) -> list[bytes]:
    """The cover letter and the three patches."""
    return list(split_mbox(iter([mails_of(made).encode()])))


def alone(mail: bytes) -> Posting:
    (posting,) = assemble([read_mail(mail)])
    return posting


def tracking(path: Path, made: Repository, mails: list[bytes], **series: str) -> dict[str, str]:
    """The environment of a check of b4: what it tracks of `mails`, with `series` on top."""
    names = [(read_mail(mail).msgid, read_mail(mail).subject) for mail in mails]
    told = {
        "series": {
            "change-id": "frob",
            "first-patch-commit": made.git("rev-parse", "topic~2"),
            "header-info": {"msgid": names[0][0]},
            **series,
        },
        "patches": [
            {"title": title, "header-info": {"msgid": msgid}} for msgid, title in names[1:]
        ],
    }
    (path / "tracking.json").write_text(json.dumps(told))
    return {TRACKING: str(path / "tracking.json")}


def shown(posting: Posting) -> list[tuple[int, str]]:
    return [(patch.number, patch.subject) for patch in posting.series.patches]


WHOLE = [
    (1, "[PATCH 1/3] frob: listen"),
    (2, "[PATCH 2/3] frob: let go of the buffer"),
    (3, "[PATCH 3/3] frob: hand out a file"),
]


def test_what_is_checked_out_completes_a_patch(made: Repository, mails: list[bytes]) -> None:
    for mail in mails[1:]:
        given = alone(mail)
        found = whole(given, made.path, {})
        assert shown(found) == WHOLE
        assert found.series.complete
        assert found.mails == given.mails
        own = given.series.patches[0]
        assert found.series.patches[own.number - 1].ref == own.ref


def test_a_cover_letter_is_not_told_by_what_is_checked_out(
    made: Repository, mails: list[bytes]
) -> None:
    given = alone(mails[0])
    assert whole(given, made.path, {}) == given


def test_another_change_is_not_completed(
    made: Repository, mails: list[bytes], tmp_path: Path
) -> None:
    other = half_done(tmp_path / "linux")
    other.change("frob: go on", {"drivers/misc/frob.c": ("\treturn 0;\n", "\treturn 1;\n")})
    given = alone(mails[2])
    assert whole(given, other.path, {}) is given
    other.git("checkout", "-q", "master")
    assert whole(given, other.path, {}) is given
    assert whole(given, tmp_path, {}) is given


def test_b4_names_the_commits(made: Repository, mails: list[bytes], tmp_path: Path) -> None:
    made.git("branch", "-f", "b4/review/frob", "topic")
    environ = tracking(tmp_path, made, mails)
    for mail in mails:
        found = whole(alone(mail), made.path, environ)
        assert shown(found) == WHOLE
        assert [p.msgid for p in found.series.patches] == [read_mail(m).msgid for m in mails[1:]]
    for changed in ({"change-id": "gone"}, {"first-patch-commit": "HEAD"}):
        given = alone(mails[1])
        environ = tracking(tmp_path, made, mails, **changed)
        assert whole(given, made.path, environ) is given
    environ = tracking(tmp_path, made, mails[:3])
    assert whole(alone(mails[1]), made.path, environ).series.complete is False


def test_b4_names_the_thread(made: Repository, mails: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "thread").write_bytes(b"".join(mails))
    kept = made.git("hash-object", "-w", str(tmp_path / "thread"))
    series = {"thread-blob": kept, "first-patch-commit": "", "change-id": "no"}
    environ = tracking(tmp_path, made, mails, **series)
    for mail in mails:
        given = alone(mail)
        found = whole(given, made.path, environ)
        assert shown(found) == WHOLE
        assert found.mails == given.mails
    stranger = alone(mails[1].replace(b"Message-Id: <", b"Message-Id: <another-"))
    assert whole(stranger, made.path, environ) is stranger


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"series": {}, "patches": []}', '{"series": 1}'])
def test_a_file_that_b4_did_not_write_is_an_error(
    made: Repository, mails: list[bytes], tmp_path: Path, text: str
) -> None:
    (tmp_path / "odd").write_text(text)
    with pytest.raises(InputError, match=r"is not what b4 0\.16 writes"):
        whole(alone(mails[1]), made.path, {TRACKING: str(tmp_path / "odd")})
    with pytest.raises(InputError, match="No such file"):
        whole(alone(mails[1]), made.path, {TRACKING: str(tmp_path / "none")})
