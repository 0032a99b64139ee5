# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings: which source wins, and what is said of a mistake."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.config import SECTIONS, Settings, load, walk
from bot.errors import UsageError

NOTHING: Mapping[str, str] = {}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text('# mine\n\n[review]\nfail_on = "error"\n  tree = "linux"\n[reply]\nname="x"\n')
    return path


def complaint(text: str, tmp_path: Path) -> str:
    """What is said of a file with content `text`."""
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        load(str(path), NOTHING)
    message = str(error.value)
    assert "\n" not in message
    return message.replace(f"{path}:", "FILE:")


def test_without_anything_all_is_default() -> None:
    assert load(None, NOTHING) == Settings()
    assert {origin for _, _, origin in walk(Settings())} == {"default"}


def test_defaults_are_mistaken_for_nobody() -> None:
    reply = Settings().reply
    assert reply.name == "revokebot"
    assert reply.address.endswith("@localhost")


def test_file_then_environment_then_flag(file: Path) -> None:
    settings = load(str(file), NOTHING)
    assert settings.review.fail_on == "error"
    assert settings.origins["review.fail_on"] == f"{file}:4"
    assert settings.origins["reply.name"] == f"{file}:7"
    environ = {"REVOKEBOT_REVIEW_FAIL_ON": "note"}
    settings = load(str(file), environ)
    assert settings.review.fail_on == "note"
    assert settings.origins["review.fail_on"] == "REVOKEBOT_REVIEW_FAIL_ON"
    settings = load(str(file), environ, {"review.fail_on": ("--fail-on", "never")})
    assert settings.review.fail_on == "never"
    assert settings.origins["review.fail_on"] == "--fail-on"
    assert settings.reply.name == "x"


def test_a_flag_that_was_not_given_changes_nothing(file: Path) -> None:
    settings = load(str(file), NOTHING, {"review.fail_on": ("--fail-on", None)})
    assert settings == load(str(file), NOTHING)


def test_paths_of_a_file_are_relative_to_it(file: Path) -> None:
    assert load(str(file), NOTHING).review.tree == file.parent / "linux"
    assert load(None, {"REVOKEBOT_REVIEW_TREE": "linux"}).review.tree == Path("linux")
    assert load(None, {"REVOKEBOT_REVIEW_TREE": ""}).review.tree is None


def test_which_file_is_read(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "xdg" / "revokebot"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('[reply]\nname = "from xdg"\n')
    xdg = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    assert load(None, xdg).reply.name == "from xdg"
    assert load(None, {**xdg, "REVOKEBOT_CONFIG": str(file)}).reply.name == "x"
    assert load(None, {**xdg, "REVOKEBOT_CONFIG": ""}).reply.name == "revokebot"
    assert (
        load(str(folder / "config.toml"), {"REVOKEBOT_CONFIG": str(file)}).file
        == folder / "config.toml"
    )
    dot_config = tmp_path / ".config" / "revokebot"
    dot_config.mkdir(parents=True)
    (dot_config / "config.toml").write_text('[reply]\nname = "from home"\n')
    assert load(None, {"HOME": str(tmp_path)}).reply.name == "from home"


def test_a_file_that_is_named_must_be_there() -> None:
    with pytest.raises(UsageError, match=r"^--config /nowhere.toml: no such file"):
        load("/nowhere.toml", NOTHING)
    with pytest.raises(UsageError, match=r"^REVOKEBOT_CONFIG /nowhere.toml: no such file"):
        load(None, {"REVOKEBOT_CONFIG": "/nowhere.toml"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[reveiw]\n", "FILE:1: no section [reveiw]; did you mean 'review'?"),
        ("\n[review]\n\ntre = 'x'\n", "FILE:4: [review] has no key 'tre'; did you mean 'tree'?"),
        ("[review]\nxyzzy = 1\n", "FILE:2: [review] has no key 'xyzzy'; known are tree, edition"),
        ("review = 1\n", "FILE:1: 'review' must be a table [review]"),
        (
            "[archive]\nretries = '3'\n",
            "FILE:2: archive.retries must be a whole number, not negative",
        ),
        ("[archive]\nretries = true\n", "FILE:2: archive.retries must be a whole number"),
        ("[archive]\nretries = -1\n", "FILE:2: archive.retries must be a whole number"),
        ("[review]\ntree = '~xyzzy/linux'\n", "FILE:2: review.tree must be a path"),
        ("[delivery]\nlease = 1e300\n", "FILE:2: delivery.lease must be a number above 0, at most"),
        ("[policy]\nfloor = 1.5\n", "FILE:2: policy.floor must be a number from 0 to 1, not 1.5"),
        ("[policy]\nfloor = nan\n", "FILE:2: policy.floor must be a number from 0 to 1"),
        ("[policy]\nfloor = true\n", "FILE:2: policy.floor must be a number from 0 to 1"),
        ("[archive]\nread_timeout = 0\n", "FILE:2: archive.read_timeout must be a number above 0"),
        (
            "[archive]\nread_timeout = nan\n",
            "FILE:2: archive.read_timeout must be a number above 0",
        ),
        ("[reply]\nname = 1\n", "FILE:2: reply.name must be a string"),
        (
            "[reply]\nname = 'a\\nb'\naddress = \"a\\nBcc: b\"\n",
            "FILE:3: reply.address must be a string",
        ),
        ("[review]\nselect = 'x'\n", "FILE:2: review.select must be a list of names"),
        ("[review]\nselect = [1]\n", "FILE:2: review.select must be a list of names"),
        ("[review]\ntree = 1\n", "FILE:2: review.tree must be a path"),
        (
            "[review]\nfail_on = 'warnings'\n",
            "FILE:2: review.fail_on can't be 'warnings'; did you mean",
        ),
        ("[review\n", "FILE: not TOML: "),
    ],
)
def test_what_is_said_of_a_mistake(text: str, said: str, tmp_path: Path) -> None:
    assert said in complaint(text, tmp_path)


def test_the_line_is_that_of_the_right_section(tmp_path: Path) -> None:
    text = "[reply]\nname = 'x'\n[archive]\nurl = 'y'\nname = 'z'\n"
    assert complaint(text, tmp_path).startswith("FILE:5: [archive] has no key 'name'")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REVOKEBOT_REVEIW_TREE", "x", "did you mean 'REVOKEBOT_REVIEW_TREE'?"),
        ("REVOKEBOT_ARCHIVE_RETRIES", "many", "REVOKEBOT_ARCHIVE_RETRIES: archive.retries must be"),
        ("REVOKEBOT_REVIEW_EDITION", "newest", "REVOKEBOT_REVIEW_EDITION: review.edition can't be"),
    ],
)
def test_what_is_said_of_a_variable(name: str, value: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        load(None, {name: value})
    assert said in str(error.value)


def test_variables_are_read_by_the_type_of_the_setting() -> None:
    settings = load(
        None,
        {
            "REVOKEBOT_ARCHIVE_RETRIES": "5",
            "REVOKEBOT_ARCHIVE_READ_TIMEOUT": "2.5",
            "REVOKEBOT_REVIEW_SELECT": "importer, resv-lock,",
        },
    )
    assert settings.archive.retries == 5
    assert settings.archive.read_timeout == 2.5
    assert settings.review.select == ("importer", "resv-lock")


def test_every_setting_is_documented_and_has_a_variable() -> None:
    for section, kind in SECTIONS.items():
        source = Path(sys.modules[kind.__module__].__file__ or "").read_text()
        for name, annotation in kind.__annotations__.items():
            written = f"    {name}: {annotation.__forward_arg__} ="
            assert written in source
            after = source.split(written)[1].split("\n")[1]
            assert after.startswith('    """'), f"{section}.{name} has no docstring"


def test_without_a_file_no_toml_parser_is_loaded() -> None:
    code = (
        "import sys; from bot.config import load; load(None, {}); print('tomllib' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"
