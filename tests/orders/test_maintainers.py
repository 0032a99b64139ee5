# SPDX-License-Identifier: GPL-2.0-or-later
"""Who maintains a file, as scripts/get_maintainer.pl has it (compared with it by hand)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bot.errors import InputError
from bot.orders.maintainers import MAX_PATH, Glob, Maintainers, read

TEXT = """\
List of maintainers
===================

	M: *Mail* patches to: FullName <not@example.org>
	F: *Files* and directories wildcard patterns.

# F:	comment/
A DRIVER
M:	A U Thor <Author@Example.org>
R:	Re Viewer <reviewer@example.org> (only on Mondays, and Tuesdays)
L:	list@example.org (moderated)
S:	Maintained
F:	drivers/frob/
X:	drivers/frob/other/
K:	frob

ANOTHER
M:	"Name, With Comma" <comma@example.org>
M:	bare@example.org
F:	drivers/frob/other/*
F:	include/linux/frob*.h
N:	[^a-z]widget
X:	drivers/frob/widget/

WITHOUT ANYBODY
S:	Orphan
F:	drivers/

BROKEN
M:	broken@example.org
N:	(((
F:	lib/x.c

THE REST
M:	rest@example.org
F:	*
F:	*/
"""


def people(*files: str) -> set[str]:
    return set(Maintainers(TEXT).people(files)) - {"rest@example.org"}


def test_everybody_of_every_section_that_matches() -> None:
    first = {"author@example.org", "reviewer@example.org"}
    second = {"comma@example.org", "bare@example.org"}
    assert people("drivers/frob/a/b.c") == first
    assert people("drivers/frob/other/b.c") == second
    assert people("drivers/frob/other/b/c.c") == set()
    assert people("drivers/frob/a.c", "include/linux/frobnicate.h") == first | second
    assert people("arch/x86/my_widget.c") == second, "N:"
    assert people("arch/x86/mywidget.c") == set()
    assert people("drivers/frob/widget/a.c") == first, "X: of the other section"
    assert people("lib/x.c") == {"broken@example.org"}
    assert people("comment/a.c", "Files") == set()
    assert Maintainers(TEXT).people(["Makefile"]) == {"rest@example.org"}
    assert Maintainers(TEXT).people([]) == frozenset()


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("drivers/net/", "drivers/net/a.c", True),
        ("drivers/net/", "drivers/net/a/b.c", True),
        ("drivers/net/", "drivers/network.c", False),
        ("drivers/net", "drivers/net/a/b.c", True),
        ("drivers/net/*", "drivers/net/a.c", True),
        ("drivers/net/*", "drivers/net/a/b.c", False),
        ("*/net/*", "drivers/net/a.c", True),
        ("*/net/*", "drivers/net/a/b.c", False),
        ("*/*/vmci/", "drivers/misc/vmci/a/b.c", True),
        ("drivers/*/frob/", "drivers/a/b/frob/c.c", True),
        ("drivers/a.c", "drivers/a.c", True),
        ("drivers/a.c", "drivers/abc", False),
        ("drivers/da9???.c", "drivers/da9123.c", True),
        ("drivers/da9???.c", "drivers/da912.c", False),
        ("drivers/x[79]*.[ch]", "drivers/x7a.h", True),
        ("drivers/x[79]*.[ch]", "drivers/x8a.h", False),
        ("drivers/x*y*z", "drivers/xzyz", True),
        ("drivers/x*y*z", "drivers/xzy", False),
        ("drivers/foo+bar", "drivers/foo+bar", True),
        ("drivers/[", "drivers/[", True),
    ],
)
def test_a_pattern_is_as_the_kernel_has_it(pattern: str, path: str, expected: bool) -> None:
    glob = Glob(pattern)
    assert glob.matches(path) is expected
    assert path.startswith(glob.folder) or not expected


def test_a_path_that_nobody_has_is_not_looked_up() -> None:
    assert Maintainers(TEXT).people(["drivers/frob/" + "a" * MAX_PATH]) == frozenset()


def test_the_text_is_that_of_head_also_in_a_bare_tree(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    bare = tmp_path / "bare"
    tree.mkdir()
    (tree / "MAINTAINERS").write_text(TEXT)
    name = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for words in (
        ["git", "-C", str(tree), "init", "-q"],
        ["git", "-C", str(tree), "add", "MAINTAINERS"],
        ["git", "-C", str(tree), *name, "commit", "-qm", "it"],
        ["git", "clone", "-q", "--bare", str(tree), str(bare)],
    ):
        subprocess.run(words, check=True)
    (tree / "MAINTAINERS").write_text("changed")
    assert read(tree) == read(bare) == TEXT
    assert read(None) == ""
    with pytest.raises(InputError, match="is no folder"):
        read(tmp_path / "none")
