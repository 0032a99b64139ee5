# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of a reply: which template is used, and that none can leave a gap."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.errors import InputError
from bot.render import templates
from checks import load_rules

VALUES: dict[str, object] = {
    "message": "Please do.",
    "suggestion": "",
    "facts": {"pointer": "importer_ops"},
    "symbol": "frob",
    "file": "frob.c",
    "severity": "error",
    "confidence": "high",
    "doubt": "",
    "edition": "merged",
    "links": (),
}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the templates to put others into."""
    folder = tmp_path / "templates"
    shutil.copytree(templates.folder(), folder)
    monkeypatch.setattr(templates, "folder", lambda: folder)
    templates._environment.cache_clear()
    templates._template_of.cache_clear()
    yield folder
    templates._environment.cache_clear()
    templates._template_of.cache_clear()


def test_the_default_is_message_suggestion_and_links() -> None:
    assert templates.remark("no-such-rule", VALUES) == "Please do."
    filled = templates.remark("no-such-rule", {**VALUES, "suggestion": "+x", "links": ("url",)})
    assert filled == "Please do.\n\nMaybe like this:\n\n+x\n\nSee url"


def test_a_rule_s_own_template_is_used(copy: Path) -> None:
    own = copy / "rules/own-words.txt.j2"
    own.write_text("{% filter wrap %}{{ facts.pointer }} in {{ symbol }}(){% endfilter %}\n")
    assert templates.remark("own-words", VALUES) == "importer_ops in frob()"


@pytest.mark.parametrize(
    "text",
    ["{{ nothing }}", "{{ facts.nothing }}", "{{ range(3) }}", "{% if %}", "{{ message | no }}"],
)
def test_a_gap_or_a_mistake_is_an_error_that_names_the_template(copy: Path, text: str) -> None:
    (copy / "rules/broken.txt.j2").write_text(text)
    with pytest.raises(InputError, match=r"^templates/rules/broken.txt.j2: .*; mend it$"):
        templates.remark("broken", VALUES)


def test_nothing_is_escaped() -> None:
    assert templates.remark("x", {**VALUES, "message": "a < b && c"}) == "a < b && c"


def test_every_template_belongs_to_a_rule() -> None:
    names = {path.name.removesuffix(".txt.j2") for path in (templates.folder() / "rules").iterdir()}
    assert names - {"default"} <= {rule.id for rule in load_rules()}
