# SPDX-License-Identifier: GPL-2.0-or-later
"""The settings: defaults, then one TOML file, then environment variables, then flags.

The file is `--config FILE`, else `$REVOKEBOT_CONFIG`, else
`$XDG_CONFIG_HOME/revokebot/config.toml` (`~/.config/...`) where there is one.
Variables are called `REVOKEBOT_SECTION_KEY`.  A section, key or variable that
does not exist is an error, never ignored; so is a value of the wrong type.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bot.errors import UsageError
from bot.names import nearest
from bot.settings import (
    CiSettings,
    DeliverySettings,
    DkimSettings,
    OrdersSettings,
    PolicySettings,
    ReplySettings,
    ReviewSettings,
    StoreSettings,
    WatchSettings,
)
from bot.sources.options import ArchiveOptions

__all__ = ["PREFIX", "Settings", "load", "walk"]

PREFIX = "REVOKEBOT_"
MOST = 10_000_000
"""Largest number of seconds that a setting takes, four months: no library takes any number."""
NO_ORIGINS: Mapping[str, str] = {}


class Settings(NamedTuple):
    """All settings, and where each came from."""

    archive: ArchiveOptions = ArchiveOptions()
    review: ReviewSettings = ReviewSettings()
    reply: ReplySettings = ReplySettings()
    policy: PolicySettings = PolicySettings()
    store: StoreSettings = StoreSettings()
    delivery: DeliverySettings = DeliverySettings()
    dkim: DkimSettings = DkimSettings()
    orders: OrdersSettings = OrdersSettings()
    watch: WatchSettings = WatchSettings()
    ci: CiSettings = CiSettings()
    origins: Mapping[str, str] = NO_ORIGINS
    """`section.key` to `FILE:LINE`, a variable or a flag; a default has no entry."""
    file: Path | None = None
    """The file that was read."""
    why_muted: Mapping[str, str] = NO_ORIGINS
    """By the id of a rule that is muted by its record, a line that says why (`bot.in_force`)."""


Section = type[
    ArchiveOptions
    | ReviewSettings
    | ReplySettings
    | PolicySettings
    | StoreSettings
    | DeliverySettings
    | DkimSettings
    | OrdersSettings
    | WatchSettings
    | CiSettings
]
SECTIONS: dict[str, Section] = {
    "archive": ArchiveOptions,
    "review": ReviewSettings,
    "reply": ReplySettings,
    "policy": PolicySettings,
    "store": StoreSettings,
    "delivery": DeliverySettings,
    "dkim": DkimSettings,
    "orders": OrdersSettings,
    "watch": WatchSettings,
    "ci": CiSettings,
}

URLS = ("store.url", "watch.inboxes")

CHOICES = {
    "review.edition": ("auto", "move-notify", "renamed", "seed", "merged"),
    "review.fail_on": ("error", "warning", "note", "never"),
    "review.format": (
        "text",
        "jsonl",
        "mail",
        "markdown",
        "sarif",
        "rdjson",
        "rdjsonl",
        "junit",
        "codequality",
        "b4",
        "terse",
    ),
    "policy.post": ("off", "draft", "send"),
    "policy.severity": ("error", "warning", "note"),
    "policy.confidence": ("high", "medium"),
    "delivery.via": ("b4", "web", "imap", "maildir", "mbox"),
    "watch.log": ("text", "json"),
}


class Origin(NamedTuple):
    """Where a value was written, for messages and for `revokebot config`."""

    label: str
    folder: Path = Path()
    """What a relative path is relative to."""
    text: bool = False
    """Whether the value is text that still has to be read, as in a variable or flag."""


def load(
    config: str | None = None,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, tuple[str, object]] | None = None,
) -> Settings:
    """Merge the settings.

    Parameters
    ----------
    config: value of `--config`
    environ: environment; default that of the process
    flags: `section.key` to (flag, value), a value of None meaning not given

    Raises `UsageError` naming file and line, variable or flag.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    file = _find_file(config, environ)
    entries = [*_from_environ(environ)]
    if file is not None:
        entries = [*_from_file(file), *entries]
    for flag_key, (flag, given) in (flags or {}).items():
        if given is not None:
            entries.append((flag_key, given, Origin(flag, text=isinstance(given, str))))
    for key, raw, origin in entries:
        values[key] = _checked(key, raw, origin)
        if key.endswith(("password_file", "token_file")):
            values[key] = _secret(values[key], str(raw), environ)
        origins[key] = origin.label
    sections: dict[str, Any] = {
        name: kind(
            **{k.partition(".")[2]: v for k, v in values.items() if k.startswith(f"{name}.")}  # type: ignore[arg-type]
        )
        for name, kind in SECTIONS.items()
    }
    return Settings(**sections, origins=origins, file=file)


def walk(settings: Settings) -> Iterator[tuple[str, object, str]]:
    """Yield every setting as (`section.key`, value, origin)."""
    for section in SECTIONS:
        part = getattr(settings, section)
        for name in part._fields:
            key = f"{section}.{name}"
            yield key, getattr(part, name), settings.origins.get(key, "default")


def _find_file(config: str | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read; one that is named must be there, the default one need not be."""
    for label, named in (
        ("--config", config),
        ("REVOKEBOT_CONFIG", environ.get("REVOKEBOT_CONFIG")),
    ):
        if named:
            if not Path(named).is_file():
                raise UsageError(f"{label} {named}: no such file; create it or drop the setting")
            return Path(named)
        if named == "":
            return None
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", ""), ".config")
    default = Path(home, "revokebot/config.toml")
    return default if default.is_absolute() and default.is_file() else None


def _from_file(path: Path) -> Iterator[tuple[str, object, Origin]]:
    import tomllib

    try:
        text = path.read_bytes().decode()
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise UsageError(f"{path}: not TOML: {err}") from err
    for section, table in document.items():
        if section not in SECTIONS:
            hint = nearest(section, SECTIONS, f"known are {', '.join(SECTIONS)}")
            raise UsageError(f"{path}:{_line(text, section)}: no section [{section}]{hint}")
        if not isinstance(table, dict):
            raise UsageError(
                f"{path}:{_line(text, section)}: '{section}' must be a table [{section}]"
            )
        for key, value in table.items():
            where = f"{path}:{_line(text, section, key)}"
            if key not in _keys(section):
                hint = nearest(key, _keys(section), f"known are {', '.join(_keys(section))}")
                raise UsageError(f"{where}: [{section}] has no key '{key}'{hint}")
            yield f"{section}.{key}", value, Origin(where, path.parent)


def _line(text: str, section: str, key: str | None = None) -> int:
    """The 1-based line that a section, or a key of it, is on; 1 when it is spelt unusually."""
    table = rf"[ \t]*\[[ \t]*['\"]?{re.escape(section)}['\"]?[ \t]*\]"
    item = rf"[ \t]*['\"]?{re.escape(key)}['\"]?[ \t]*=" if key else table
    inside = key is None
    for number, line in enumerate(text.split("\n"), 1):
        if re.match(r"[ \t]*\[", line) and key is not None:
            inside = re.match(table, line) is not None
        elif inside and re.match(item, line):
            return number
        if key is None and re.match(rf"[ \t]*{re.escape(section)}[ \t]*[.=]", line):
            return number
    return 1


def _from_environ(environ: Mapping[str, str]) -> Iterator[tuple[str, object, Origin]]:
    names = {
        f"{PREFIX}{section}_{key}".upper(): f"{section}.{key}"
        for section in SECTIONS
        for key in _keys(section)
    }
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name == "REVOKEBOT_CONFIG":
            continue
        if name not in names:
            hint = nearest(name, names, "`revokebot config` lists the settings")
            raise UsageError(f"environment: no setting is called {name}{hint}")
        yield names[name], value, Origin(name, text=True)


def _keys(section: str) -> tuple[str, ...]:
    return SECTIONS[section]._fields


def _checked(key: str, raw: object, origin: Origin) -> object:
    section, _, name = key.partition(".")
    read, expected = _READERS[SECTIONS[section].__annotations__[name].__forward_arg__]
    try:
        value = read(raw, origin)
    except (ValueError, TypeError) as err:
        # What a URL has in it is not repeated: there may be a password.
        found = "" if key in URLS else f", not {raw!r}"
        raise UsageError(f"{origin.label}: {key} must be {expected}{found}") from err
    choices = CHOICES.get(key)
    if choices is not None and value not in choices:
        hint = nearest(str(value), choices, f"known are {', '.join(choices)}")
        raise UsageError(f"{origin.label}: {key} can't be {raw!r}{hint}")
    return value


def _secret(path: object, name: str, environ: Mapping[str, str]) -> object:
    """The credential `name` where systemd gives one (systemd.exec(5)), else `path`."""
    folder = environ.get("CREDENTIALS_DIRECTORY", "")
    given = Path(folder, name)
    return given if folder and given.is_file() else path


def _str(raw: object, origin: Origin) -> str:
    if not isinstance(raw, str) or not raw.isprintable():
        raise TypeError
    return raw


def _bool(raw: object, origin: Origin) -> bool:
    if origin.text and raw in ("true", "false"):
        raw = raw == "true"
    if not isinstance(raw, bool):
        raise TypeError
    return raw


def _int(raw: object, origin: Origin) -> int:
    if origin.text and isinstance(raw, str):
        raw = int(raw)
    if not isinstance(raw, int) or isinstance(raw, bool) or raw < 0:
        raise TypeError
    return raw


def _number(raw: object, origin: Origin) -> float:
    if origin.text and isinstance(raw, str):
        raw = float(raw)
    if not isinstance(raw, int | float) or isinstance(raw, bool):
        raise TypeError
    return float(raw)


def _float(raw: object, origin: Origin) -> float:
    value = _number(raw, origin)
    if not 0 < value <= MOST:
        raise ValueError
    return value


def _share(raw: object, origin: Origin) -> float:
    value = _number(raw, origin)
    if not 0 <= value <= 1:
        raise ValueError
    return value


def _names(raw: object, origin: Origin) -> tuple[str, ...]:
    if origin.text and isinstance(raw, str):
        raw = [part.strip() for part in raw.split(",") if part.strip()]
    if not isinstance(raw, list) or not all(isinstance(part, str) for part in raw):
        raise TypeError
    return tuple(raw)


def _path(raw: object, origin: Origin) -> Path | None:
    if not isinstance(raw, str):
        raise TypeError
    try:
        return origin.folder / Path(raw).expanduser() if raw else None
    except RuntimeError as err:  # `~name/`, and nobody is called so
        raise ValueError from err


_READERS: dict[str, tuple[Callable[[object, Origin], object], str]] = {
    "str": (_str, "a string of printable characters"),
    "bool": (_bool, "true or false"),
    "int": (_int, "a whole number, not negative"),
    "float": (_float, f"a number above 0, at most {MOST}"),
    "Share": (_share, "a number from 0 to 1"),
    "tuple[str, ...]": (_names, "a list of names"),
    "Path | None": (_path, "a path"),
}
"""Annotation of a field: how its value is read, and what an error says was expected."""
