# SPDX-License-Identifier: GPL-2.0-or-later
"""What each channel says of a branch: rule, commit, file and line, read out of what it gives.

Each is read as its own reader would: mails and the look-up by b4's code, reports
by their format.  A line is of a file in a commit: that of the patch where the
channel speaks of patches, the head of the branch, or its base, where it shows
the branch as one.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from bot.sources.mbox import read_file
from tests.forges.patchwork import BOT, Patchwork
from tests.forges.server import serving as serving_forge
from tests.render.b4_reader import comments
from tests.web.branches import Repository
from tests.web.running import revokebot
from tests.web.serving import serving
from tests.web.shops import Shop

__all__ = [
    "PATCHES",
    "REPORTS",
    "Told",
    "mailed",
    "of_forge",
    "of_lookup",
    "of_mails",
    "of_patchwork",
]

IDENTITY = {"REVOKEBOT_REPLY_ADDRESS": "bot@example.org"}


class Told(NamedTuple):
    """One finding, as a channel tells it."""

    rule: str
    commit: str
    path: str
    line: int


def commits(made: Repository) -> list[str]:
    """Of the branch, oldest first."""
    return made.git("rev-list", "--reverse", "master..topic").split()


def mailed(made: Repository, folder: Path) -> Path:
    """The branch as it would be sent: patches with message-ids, in one thread."""
    path = folder / "series.mbox"
    text = made.git(
        "format-patch", "--thread=shallow", "--cover-letter", "--stdout", "master..topic"
    )
    path.write_text(text + "\n")
    return path


def review(made: Repository, source: str, form: str) -> str:
    """What `revokebot review` prints."""
    out = made.path.parent / f"{form}.out"
    flags = ["--fail-on", "never", "--no-newer", "--output", str(out)]
    done = revokebot(["review", source, "--format", form, *flags], made.path, IDENTITY)
    assert done.returncode == 0, done.stderr
    return out.read_text("utf-8")


def of_mails(made: Repository, folder: Path) -> Iterator[Told]:
    """What the replies say, as b4 reads them below their patches."""
    series = mailed(made, folder)
    (folder / "replies.mbox").write_text(review(made, str(series), "mail"))
    patches = patch_of(series)
    for raw in read_file(folder / "replies.mbox"):
        reply = email.message_from_bytes(raw, policy=email.policy.default)
        number = patches[str(reply["In-Reply-To"]).strip("<>")]
        text = reply.get_content().split("\n-- \n")[0]
        rule = str(reply["X-Revokebot-Rules"])
        yield from _read(text, rule, made, commits(made)[number - 1])


def of_lookup(made: Repository, folder: Path) -> Iterator[Told]:
    """What b4's look-up is answered from the store, as b4 shows it."""
    series = mailed(made, folder)
    store = {**IDENTITY, "REVOKEBOT_STORE_URL": f"sqlite:///{folder / 'store.db'}"}
    done = revokebot(["reply", "--draft", "--no-newer", str(series)], made.path, store)
    assert done.returncode == 0, done.stderr
    patches = patch_of(series)
    with serving(folder, store["REVOKEBOT_STORE_URL"]) as served:
        found = served.ask(next(iter(patches)))
    numbers = {one["id"]: patches.get(one["message_id"], 0) for one in found["patches"]}
    for one in found["reviews"]:
        commit = commits(made)[numbers[one["patch_id"]] - 1]
        text = one["inline_review"] or ""
        rules = re.findall(r"^\[revokebot: (\S+)\]$", text, re.MULTILINE)
        for part, rule in zip(_read(text, "", made, commit), rules, strict=True):
            yield part._replace(rule=rule)


def _read(text: str, rule: str, made: Repository, commit: str) -> Iterator[Told]:
    diff = made.git("diff", f"{commit}~1", commit)
    for one in comments(text, diff):
        side, _, path = one["path"].partition("/")
        yield Told(rule, f"{commit}~1" if side == "a" else commit, path, one["line"])


def patch_of(series: Path) -> dict[str, int]:
    """The number of each patch, by its bare message-id."""
    found = {}
    for raw in read_file(series):
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        number = re.search(r"\[PATCH (\d+)/", str(mail["Subject"]))
        if number and number[1] != "0":
            found[str(mail["Message-Id"]).strip("<>")] = int(number[1])
    return found


def of_patchwork(made: Repository, folder: Path) -> Iterator[tuple[int, str]]:
    """Number of a patch, and rule: a check tells no lines."""
    series = mailed(made, folder)
    numbers = patch_of(series)
    server = Patchwork()
    ids = {server.has(msgid): number for msgid, number in numbers.items()}
    with serving_forge(server):
        flags = ["--url", server.url, "--no-newer", "--fail-on", "never", str(series)]
        done = revokebot(["ci", "patchwork", *flags], made.path, {"PATCHWORK_TOKEN": BOT})
    assert done.returncode == 0, done.stderr
    for check in server.checks:
        for rule in check["description"].partition(": ")[2].split(", "):
            if rule:
                yield ids[check["patch"]], rule


def of_forge(shop: Shop) -> Iterator[Told]:
    """What stands on lines; the comment for all has a link there, and the rule behind it."""
    shop.good()
    (sticky,) = shop.stickies
    listed = re.findall(r"^- \[`.*?`\]\(\S+/(\S+)#L(\d+)\) `([a-z-]+)`", sticky, re.MULTILINE)
    rules = {(name, int(line)): rule for name, line, rule in listed}
    renamed = shop.repository.git("diff", "-M", "--name-only", "--diff-filter=R", "topic", "master")
    for one in shop.remarks:
        old = one.side == "old"
        commit, path = ("master", renamed) if old else ("topic", one.path)
        yield Told(rules[path.rpartition("/")[2], one.line], commit, path, one.line)


def of_jsonl(made: Repository) -> Iterator[Told]:
    for one in json.loads(review(made, "master..topic", "jsonl"))["findings"]:
        yield _in_patch(made, one["rule"], one["patch"]["number"], one["side"], one)


def of_b4(made: Repository) -> Iterator[Told]:
    for entry in json.loads(review(made, "master..topic", "b4")):
        for one in json.loads(entry["details"]):
            number, path, line = re.fullmatch(r"(\d+)/\d+ (.*):(\d+)", one["context"]).groups()  # type: ignore[union-attr]
            rule = re.search(r"\[([a-z-]+)\]$", one["description"])
            assert rule
            side = "old" if one["srcline"].startswith("-") else "new"
            place = {"file": path, "line": int(line)}
            yield _in_patch(made, rule[1], int(number), side, place)


def _in_patch(made: Repository, rule: str, number: int, side: str, place: dict[str, Any]) -> Told:
    commit = commits(made)[number - 1]
    return Told(rule, f"{commit}~1" if side == "old" else commit, place["file"], place["line"])


def of_sarif(made: Repository) -> Iterator[Told]:
    for one in json.loads(review(made, "master..topic", "sarif"))["runs"][0]["results"]:
        place = one["locations"][0]["physicalLocation"]
        path, line = place["artifactLocation"]["uri"], place["region"]["startLine"]
        yield Told(one["ruleId"], "topic", path, line)


def of_rdjson(made: Repository) -> Iterator[Told]:
    for one in json.loads(review(made, "master..topic", "rdjson"))["diagnostics"]:
        place = one["location"]
        yield Told(one["code"]["value"], "topic", place["path"], place["range"]["start"]["line"])


def of_codequality(made: Repository) -> Iterator[Told]:
    for one in json.loads(review(made, "master..topic", "codequality")):
        place = one["location"]
        yield Told(one["check_name"], "topic", place["path"], place["lines"]["begin"])


def of_junit(made: Repository) -> Iterator[Told]:
    for one in ElementTree.fromstring(review(made, "master..topic", "junit")).iter("testcase"):
        for failure in one.iter("failure"):
            place = re.search(
                r"([\w./-]+):(\d+)", failure.get("message", "") + (failure.text or "")
            )
            assert place
            yield Told(one.get("classname", ""), "topic", place[1], int(place[2]))


PATCHES: Sequence[Callable[[Repository], Iterator[Told]]] = (of_jsonl, of_b4)
"""Those that speak of patches."""
REPORTS: Sequence[Callable[[Repository], Iterator[Told]]] = (
    of_sarif, of_rdjson, of_codequality, of_junit,
)  # fmt: skip
"""Those that know the files at the end of the branch alone."""
