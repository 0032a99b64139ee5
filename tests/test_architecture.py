# SPDX-License-Identifier: GPL-2.0-or-later
"""The direction of imports, who may import which library, and the size of files and functions.

Reads the sources with `ast`; what a command really loads is asked of a real
run, because a static reading misses what an import brings with it.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples/revocable-helper.mbox"
SPDX = "# SPDX-License-Identifier: GPL-2.0-or-later"
MAX_FILE = 400
MAX_FUNCTION = 40

LIBRARIES = {
    "b4": ("bot/sources/b4_child.py", "bot/delivery/b4_child.py"),
    "liblore": ("bot/sources/b4_child.py", "bot/sources/bounded_http.py"),
    "dkim": ("bot/attest/dkim_child.py",),
    "dns": ("bot/attest/keys.py",),
    "patatt": ("bot/delivery/b4_child.py",),
    "requests": ("bot/sources/bounded_http.py", "bot/web/api.py"),
    "urllib3": ("bot/sources/bounded_http.py",),
    "unidiff": ("checks/source/",),
    "tree_sitter": ("checks/source/",),
    "tree_sitter_c": ("checks/source/",),
    "jinja2": ("bot/render/",),
    "prometheus_client": ("bot/watch/",),
    "tqdm": ("bot/commands/",),
    "alembic": ("bot/outbox/database.py", "bot/outbox/migrations/"),
    "sqlalchemy": ("bot/outbox/", "bot/store.py"),
}
"""Outside library: the files, or folders, that may import it."""

ABOVE = {
    "bot.commands": ("bot/cli.py", "bot/commands/"),
    "bot.watch": ("bot/commands/", "bot/watch/"),
    "bot.watched": ("bot/commands/", "bot/watch/"),
    "bot.web": ("bot/commands/", "bot/web/"),
    "bot.inboxes": ("bot/commands/", "bot/inboxes/", "bot/watch/"),
}
"""What stands above the rest: who may import it."""

RULE_TOPICS = ("doc", "export", "exporter", "helper", "importer")
RULES_MAY_IMPORT = ("checks.api", "checks.source")

SLOW = frozenset({
    "alembic", "asyncio", "b4", "concurrent.futures", "dkim", "dns", "imaplib",
    "importlib.metadata", "liblore", "logging", "multiprocessing", "psycopg", "requests", "smtplib",
    "sqlalchemy", "sqlite3", "tqdm", "urllib.request", "urllib3", "xml.etree.ElementTree",
})  # fmt: skip
"""What `revokebot review FILE` has no use for, and would pay for at every start.

`importlib.resources` is not among them, because tree_sitter_c brings it.
"""


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, where it stands."""

    path: str
    line: int
    module: str

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


def sources(*folders: str) -> Iterator[Path]:
    """All Python files of `folders`, relative to the checkout."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT)


def parse(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), str(path))


def imports(*folders: str) -> Iterator[Import]:
    """Every import in `folders`, those inside functions and under TYPE_CHECKING too."""
    for path in sources(*folders):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(str(path), node.lineno, alias.name)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path}:{node.lineno}: spell imports out in full"
                yield Import(str(path), node.lineno, node.module or "")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length in lines, docstring excluded, of every function of `path`."""
    for node in ast.walk(parse(path)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if ast.get_docstring(node) is not None:
            docstring = node.body[0]
            length -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
        yield f"{path}:{node.lineno} {node.name}()", length


def test_the_walk_sees_the_project() -> None:
    assert {path.parts[0] for path in sources("bot", "checks")} == {"bot", "checks"}
    assert {found.top for found in imports("bot")} >= {"checks", "requests", "jinja2"}


def test_checks_never_import_bot() -> None:
    assert [str(found) for found in imports("checks") if found.top == "bot"] == []


def test_what_is_above_is_imported_only_from_there() -> None:
    strays = [
        str(found)
        for found in imports("bot")
        for module, users in ABOVE.items()
        if f"{found.module}.".startswith(f"{module}.") and not found.path.startswith(users)
    ]
    assert strays == []


def test_libraries_are_imported_only_where_they_are_contained() -> None:
    strays = [
        str(found)
        for found in imports("bot", "checks")
        if found.top in LIBRARIES and not found.path.startswith(LIBRARIES[found.top])
    ]
    assert strays == []


def test_every_outside_import_is_a_listed_library() -> None:
    known = sys.stdlib_module_names | LIBRARIES.keys() | {"bot", "checks"}
    assert [str(found) for found in imports("bot", "checks") if found.top not in known] == []


def test_rules_import_only_facts() -> None:
    strays = [
        str(found)
        for found in imports(*(f"checks/{topic}" for topic in RULE_TOPICS))
        if found.top not in sys.stdlib_module_names
        and not f"{found.module}.".startswith(tuple(f"{name}." for name in RULES_MAY_IMPORT))
    ]
    assert strays == []


def test_every_topic_folder_is_known() -> None:
    folders = {path.parts[1] for path in sources("checks") if len(path.parts) > 2}
    assert folders == {*RULE_TOPICS, "source"}


def test_every_file_names_its_licence_and_what_it_does() -> None:
    for path in sources("bot", "checks", "tests", "benchmarks"):
        text = (ROOT / path).read_text(encoding="utf-8")
        if not text:
            continue  # an __init__.py that only marks a folder of tests
        assert text.startswith(SPDX + "\n"), f"{path}: first line must be {SPDX}"
        assert ast.get_docstring(parse(path)), f"{path}: says nowhere what it does"


def test_files_stay_readable_at_a_sitting() -> None:
    folders = ("bot", "checks", "tests", "benchmarks")
    lengths = {str(path): (ROOT / path).read_text().count("\n") for path in sources(*folders)}
    assert {path: length for path, length in lengths.items() if length >= MAX_FILE} == {}


def test_functions_stay_short() -> None:
    folders = ("bot", "checks", "tests", "benchmarks")
    found = [pair for path in sources(*folders) for pair in functions(path)]
    assert {name: length for name, length in found if length > MAX_FUNCTION} == {}


def loaded(*words: str) -> set[str]:
    """The modules that `revokebot` has loaded at the end of `words`."""
    script = (
        "import sys\n"
        f"sys.argv = ['revokebot', *{words!r}]\n"
        "from bot.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(*sys.modules, file=sys.stderr)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "20260203-can-revoke-v1-" in run.stdout
    return set(run.stderr.split())


def test_review_of_a_file_loads_nothing_that_it_has_no_use_for() -> None:
    assert SLOW & loaded("review", "--format", "jsonl", str(EXAMPLE)) == set()


def test_a_reply_that_is_only_shown_loads_no_database_where_there_is_none() -> None:
    assert SLOW & loaded("reply", str(EXAMPLE)) == set()
