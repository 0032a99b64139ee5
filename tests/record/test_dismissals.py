# SPDX-License-Identifier: GPL-2.0-or-later
"""What was dismissed is proposed as an example: as little as the rule needs, fit to be pasted."""

from __future__ import annotations

import ast
import json
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from bot.cli import main
from bot.example import Example, example_of, spelt
from bot.outbox.schema import dismissal
from bot.outgoing import State
from bot.settings import StoreSettings
from bot.watch.glance import Glancer
from bot.watched import Watched
from checks import load_rules
from checks.api import Edition, Finding, Good, Patch
from checks.examples import NEXT, series_of
from checks.runner import run
from checks.scope import scope_of
from tests.conftest import ROOT, free_port
from tests.record.desk import BAD, GOOD, NOW, RULE, Desk, diff_of

REASON = 'the "caller"\nwants it \x1b[31mso\\'
RULES = {rule.id: rule for rule in load_rules()}


@pytest.fixture
def operator(desk: Desk, store_url: str, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk whose outbox is that of the commands; no archive answers."""
    monkeypatch.setenv("REVOKEBOT_STORE_URL", store_url)
    monkeypatch.setenv("REVOKEBOT_ARCHIVE_URL", f"http://127.0.0.1:{free_port()}/none")
    monkeypatch.setenv("REVOKEBOT_ARCHIVE_RETRIES", "0")
    return desk


def keep(url: str, *raws: bytes) -> None:
    """Let a watcher take these mails."""
    glance = Glancer(scope_of(load_rules()))
    hour = timedelta(hours=1)
    with Watched.open(StoreSettings(url)) as store:
        held = store.lease("inbox", "one", NOW, hour)
        assert held is not None
        assert store.take(held, [(glance(raw), raw) for raw in raws], "1", NOW, hour)


def fires(good: Good, rule: str = RULE) -> bool:
    return bool(run(series_of(good), (RULES[rule],), edition=good.edition).findings)


def pasted(text: str) -> Good:
    """The example that `text` is in a rule's file; nothing but plain strings may stand there."""
    call = ast.parse(text.strip().removesuffix(","), mode="eval").body
    assert isinstance(call, ast.Call)
    (diff,) = map(ast.literal_eval, call.args)
    words = {one.arg: one.value for one in call.keywords}
    edition = words.get("edition")
    named = Edition[edition.attr] if isinstance(edition, ast.Attribute) else None
    return Good(diff, ast.literal_eval(words["why"]), named)


def proposed(capsys: pytest.CaptureFixture[str], *flags: str, status: int = 0) -> str:
    """What `revokebot dismissals` prints."""
    capsys.readouterr()
    assert main(["dismissals", *flags]) == status
    out = capsys.readouterr().out
    assert "\x1b" not in out
    return out


def test_the_hunk_is_proposed_with_the_reason_and_the_mail_that_told_it(
    operator: Desk, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = operator.told("alpha")
    operator.store.dismiss(draft.id, REASON, operator.now)
    keep(store_url, operator.mails["alpha"][0])
    out = proposed(capsys)
    assert "# for GOOD in checks/exporter/wait_result.py: the rule still fires on it" in out
    good = pasted(out[out.index("    Good(") :])
    assert good == Good(diff_of("alpha", BAD), f"{REASON}; told in <{draft.envelope.msgid}>")
    assert fires(good)


def test_a_dismissed_draft_names_the_patch(
    operator: Desk, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operator.policy(post="draft").post("alpha")
    operator.answer("alpha")
    (draft,) = operator.store.drafts([State.DRAFT])
    operator.dismiss(draft)
    keep(store_url, *operator.mails["alpha"])
    (row,) = map(json.loads, proposed(capsys, "--format", "jsonl").splitlines())
    assert row["schema"] == "revokebot.dismissal/1"
    documented = (ROOT / "docs/json.md").read_text().partition("## Of dismissals")[2]
    assert {key for key in (*row, *row["example"]) if f'"{key}"' not in documented} == set()
    assert (row["told"], row["fires"], row["problem"]) == (None, True, None)
    assert row["example"] == {
        "diff": diff_of("alpha", BAD),
        "why": "the caller wants it so; found in <alpha-1@author.example>",
        "edition": None,
    }


def test_who_said_so_by_mail_is_named(
    operator: Desk, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operator.dismiss(operator.told("alpha"))
    keep(store_url, operator.mails["alpha"][0])
    with operator.store._writing() as connection:
        connection.execute(update(dismissal).values(who="author@author.example"))
    assert f" by author@author.example {RULE}: the caller" in proposed(capsys)
    assert json.loads(proposed(capsys, "--format", "jsonl"))["who"] == "author@author.example"


def test_only_one_rule_is_shown_where_asked(
    operator: Desk, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operator.dismiss(operator.told("alpha"))
    keep(store_url, operator.mails["alpha"][0])
    assert proposed(capsys, "--rule", RULE).count("Good(") == 1
    assert proposed(capsys, "--rule", "direct-op") == ""
    assert main(["dismissals", "--rule", "wait-resul"]) == 2
    assert f"did you mean '{RULE}'" in capsys.readouterr().err


def test_a_patch_that_is_nowhere_is_told(
    operator: Desk, store_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    operator.dismiss(operator.told("alpha"))
    out = proposed(capsys, status=3)
    assert "# no example: its patch is not kept here, and the archive is no help: " in out
    assert "Good(" not in out


def test_what_no_review_has_is_told(operator: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    operator.dismiss(operator.told("alpha"))
    done = operator.answer("alpha")
    operator.store.record(done.review._replace(findings=()), (), [], operator.now)
    assert "# no example: no review that is kept has it any more" in proposed(capsys)


def test_without_an_outbox_there_is_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REVOKEBOT_STORE_URL", f"sqlite:///{tmp_path}/none/outbox.db")
    assert proposed(capsys) == ""
    assert not (tmp_path / "none").exists()


def found(patches: tuple[Patch, ...], rule: str = RULE) -> Finding:
    """The one finding of `rule` in a series."""
    series = series_of(Good("", ""))._replace(patches=patches, total=len(patches))
    (finding,) = run(series, (RULES[rule],)).findings
    return finding


def patches_of(*diffs: str) -> tuple[Patch, ...]:
    return tuple(
        Patch(number, f"{number}@x", f"[PATCH {number}/{len(diffs)}] frob", "", diff)
        for number, diff in enumerate(diffs, 1)
    )


def least(*diffs: str, rule: str = RULE) -> Example:
    """The example that is made of a series with one finding of `rule`."""
    patches = patches_of(*diffs)
    finding = found(patches, rule)
    made = example_of(finding, patches, RULES[rule], Edition.MERGED)
    assert made is not None
    assert made.fires == fires(Good(made.diff, "", made.edition), rule)
    return made


def second_hunk(diff: str, at: int = 90) -> str:
    """`diff` with one hunk more, which has nothing to do with it."""
    return f"{diff}@@ -{at},3 +{at + 4},4 @@\n \tone();\n \ttwo();\n+\tthree();\n \tfour();\n"


def test_other_hunks_files_and_patches_are_left_out() -> None:
    wrong = diff_of("alpha", BAD)
    first = diff_of("beta", GOOD) + second_hunk(wrong) + diff_of("gamma", GOOD)
    assert least(diff_of("delta", GOOD), first) == Example(wrong, None, True)


NEEDS_OPS = """\
diff --git a/drivers/misc/frob.c b/drivers/misc/frob.c
--- a/drivers/misc/frob.c
+++ b/drivers/misc/frob.c
@@ -10,2 +10,7 @@
 
 #include "frob.h"
+static void frob_gone(struct dma_buf_attachment *attach)
+{
+	dma_resv_lock(attach->dmabuf->resv, NULL);
+	dma_resv_unlock(attach->dmabuf->resv);
+}
"""
OPS_HUNK = """\
@@ -40,2 +45,5 @@
 
 /* the end */
+static const struct dma_buf_attach_ops frob_attach_ops = {
+	.invalidate_mappings = frob_gone,
+};
"""


def test_a_hunk_that_the_rule_needs_stays() -> None:
    made = least(second_hunk(NEEDS_OPS + OPS_HUNK), rule="resv-lock")
    assert made == Example(NEEDS_OPS + OPS_HUNK, None, True)


def test_a_patch_that_the_rule_needs_stays() -> None:
    example = RULES["restrict-export"].bad[3].diff
    one, another = example.split(NEXT)
    for alone in (one, another):
        assert not fires(Good(alone, ""), "restrict-export"), "it takes both"
    made = least(second_hunk(one), diff_of("alpha", GOOD), another, rule="restrict-export")
    assert made == Example(example, None, True)


def test_a_rule_that_is_silent_by_now_gets_the_hunk() -> None:
    patches = patches_of(second_hunk(diff_of("alpha", BAD)))
    finding = found(patches)
    made = example_of(finding, patches, RULES["direct-op"], Edition.MERGED)
    assert made == Example(diff_of("alpha", BAD), None, False)


def test_another_text_than_that_of_the_review_gives_none() -> None:
    finding = found(patches_of(diff_of("alpha", BAD)))
    for other in (diff_of("alpha", ("", *BAD)), "", "x\n"):
        patches = patches_of(other)
        assert example_of(finding, patches, RULES[RULE], Edition.MERGED) is None


def test_git_applies_it(tmp_path: Path) -> None:
    made = least(second_hunk(diff_of("alpha", BAD)))
    file = tmp_path / "drivers/misc/alpha.c"
    file.parent.mkdir(parents=True)
    file.write_text("/* x */\n" * 9 + '\n#include "alpha.h"\n\n')
    command = ["git", "apply", "--check", "-"]
    subprocess.run(command, cwd=tmp_path, input=made.diff.encode(), check=True)


@pytest.mark.parametrize(
    "text", ['a"""b', '""""', "c\\", "\\x41", '\\"""', "\x00\x1b\u202e\ud800", "'" * 3, "{x}"]
)
def test_no_words_of_a_mail_get_out_of_their_string(text: str) -> None:
    made = spelt(Example(f"+{text}\n", Edition.SEED, True), f"{text}\n{text}")
    assert pasted(made) == Good(f"+{text}\n", f"{text}\n{text}", Edition.SEED)
    assert made.replace("\n", "").isprintable()
