# SPDX-License-Identifier: GPL-2.0-or-later
"""Name the module that the caller is linked into

EXPORT_SYMBOL_FOR_MODULES(symbol, "mod1,mod2") lets exactly the modules use
`symbol` that it names, by the name of the .ko: drivers/infiniband/core/ has
ib_core and ib_uverbs, and no module called rdma.  A caller in another module
does not link.  Dash and underscore are the same, and a name may end in "*".

The callers are those that the series shows, and their modules those of the
makefile, of the tree or of the series.  A list without any caller in sight is
left alone, and so is what is built in: it may use every export.  Where nothing
shows that the caller can be a module, it is a note.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from checks.api import Bad, Confidence, Good, Hit, Meta, Patch, Series, Severity
from checks.source.change import FileChange
from checks.source.exports import Export
from checks.source.masking import mask_comments
from checks.source.modules import Build
from checks.source.pattern import pattern
from checks.source.suggest import replace_rows
from checks.source.vocabulary import BUILTIN_DIRS, is_exempt

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.HIGH,
    sources=("include/linux/export.h", "1-v1-af84a3ab44f5+f68-iommufd_buf_jgg@nvidia.com"),
    words=("FOR_MODULES(",),
)

_LIST = pattern(r'"([A-Za-z0-9_,*-]+)"')
_WORD = pattern(r"\w+")


def check(series: Series) -> Iterator[Hit]:
    build = Build(series)
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if file.path.endswith(".c"):
                yield from _file(build, patch, file)


def _file(build: Build, patch: Patch, file: FileChange) -> Iterator[Hit]:
    for export in file.after.exports:
        line = export.fragment.shown(export.row)
        listed = _LIST.fullmatch(export.arguments[1]) if len(export.arguments) == 2 else None
        if line is None or listed is None or not file.is_new(line):
            continue
        if not export.macro.endswith("FOR_MODULES") or not _WORD.fullmatch(export.symbol):
            continue
        names = listed.group(1).split(",")
        missing = _missing(build, file.path, export.symbol, names)
        if missing is None:
            continue
        module, caller, exact = missing
        right = _right(export, names, module)
        yield Hit(
            patch,
            file,
            line,
            f"{caller} calls {export.symbol}() and is linked into {module}.ko, which is not in "
            f'"{listed.group(1)}". The list has to name it, or the caller does not link.',
            symbol=export.symbol,
            severity=None if exact else Severity.NOTE,
            confidence=Confidence.HIGH if exact else Confidence.MEDIUM,
            suggestion=replace_rows(file.path, export.fragment, export.row, export.row, (right,))
            if right and ")" in line.text
            else "",
            facts={"module": module, "caller": caller},
        )


def _missing(build: Build, own: str, symbol: str, names: list[str]) -> tuple[str, str, bool] | None:
    """A module with a caller of `symbol` that `names` leaves out, the caller, and if it is sure.

    None when every caller that is seen may use it, or none is seen.
    """
    own_modules = {module.name for module in build.modules(own)}
    for path in _callers(build, own, symbol):
        modules = build.modules(path)
        states = {build.is_modular(module) for module in modules}
        if False in states or path.startswith(BUILTIN_DIRS):
            continue
        linked = {module.name for module in modules}
        if not linked:
            linked = {name for _, name in build.composites(path)}
        exact = states == {True} and all(module.whole for module in modules)
        if not exact and build.blobs is not None:
            continue
        if not linked or linked & own_modules or any(_allowed(name, names) for name in linked):
            continue
        return min(linked), path, exact
    return None


def _callers(build: Build, own: str, symbol: str) -> Iterator[str]:
    """The sources of the series that call or take the address of `symbol`, after it."""
    for path in build.changes:
        if path == own or not path.endswith(".c") or is_exempt(path):
            continue
        if not any(file.mentions(symbol) for file in build.changes[path]):
            continue
        text = build.text(path)
        code = mask_comments(text.joined) if text is not None else ""
        lines = (line for line in code.split("\n") if symbol in line)
        if any(symbol in _WORD.findall(line) for line in lines if "EXPORT_" not in line):
            yield path


def _allowed(module: str, names: list[str]) -> bool:
    same = module.replace("-", "_")
    return any(fnmatchcase(same, name.replace("-", "_")) for name in names)


def _right(export: Export, names: list[str], module: str) -> str:
    """The line with the module in place of a single wrong name; empty when others are named too."""
    if len(names) != 1:
        return ""
    return f'{export.macro}({export.symbol}, "{module}");'


_EXPORT = """\
diff --git a/drivers/vfio/frob/frob.c b/drivers/vfio/frob/frob.c
--- a/drivers/vfio/frob/frob.c
+++ b/drivers/vfio/frob/frob.c
@@ -10,3 +10,4 @@ int frob_map(struct frob *frob)
 	return 0;
 }
+EXPORT_SYMBOL_FOR_MODULES(frob_map, "%s");
 
"""
_CALLER = """\
diff --git a/drivers/misc/nicate/buf.c b/drivers/misc/nicate/buf.c
new file mode 100644
--- /dev/null
+++ b/drivers/misc/nicate/buf.c
@@ -0,0 +1,4 @@
+int nicate_get(struct nicate *nicate)
+{
+	return %s;
+}
"""
_MAKEFILE = """\
diff --git a/drivers/misc/nicate/Makefile b/drivers/misc/nicate/Makefile
new file mode 100644
--- /dev/null
+++ b/drivers/misc/nicate/Makefile
@@ -0,0 +1,4 @@
+obj-$(CONFIG_NICATE) += nicate-core.o nicate_user.o
+nicate-core-y := main.o
+nicate_user-y := user.o \\
+	buf.o
"""
_HUNK = """\
diff --git a/drivers/misc/nicate/Makefile b/drivers/misc/nicate/Makefile
--- a/drivers/misc/nicate/Makefile
+++ b/drivers/misc/nicate/Makefile
@@ -3,3 +3,4 @@ nicate-core-y := main.o
 nicate_user-y := user.o \\
 	queue.o \\
+	buf.o \\
 	event.o
"""
_KCONFIG = """\
diff --git a/drivers/misc/nicate/Kconfig b/drivers/misc/nicate/Kconfig
new file mode 100644
--- /dev/null
+++ b/drivers/misc/nicate/Kconfig
@@ -0,0 +1,2 @@
+config NICATE
+	%s "Nicate"
"""
_CALLS = _CALLER % "frob_map(nicate->frob)"
_BUILTIN = _MAKEFILE.replace("$(CONFIG_NICATE)", "y")

BAD = [
    Bad(
        _EXPORT % "nicate_core" + _CALLS + _MAKEFILE + _KCONFIG % "tristate",
        at=('EXPORT_SYMBOL_FOR_MODULES(frob_map, "nicate_core");',),
    ),
    Bad(
        _EXPORT % "nicate" + _CALLS + _MAKEFILE,
        at=('EXPORT_SYMBOL_FOR_MODULES(frob_map, "nicate");',),
    ),
    Bad(
        _EXPORT % "nicate-core,iommufd" + "# next patch\n" + _CALLS + _MAKEFILE,
        at=('EXPORT_SYMBOL_FOR_MODULES(frob_map, "nicate-core,iommufd");',),
    ),
    Bad(
        _EXPORT % "nicate_core" + _CALLER % "symbol_get(frob_map) ? 0 : -ENOENT" + _HUNK,
        at=('EXPORT_SYMBOL_FOR_MODULES(frob_map, "nicate_core");',),
    ),
]

GOOD = [
    Good(_EXPORT % "nicate_user" + _CALLS + _MAKEFILE, why="the right name"),
    Good(_EXPORT % "nicate-user" + _CALLS + _HUNK, why="dash and underscore are the same"),
    Good(_EXPORT % "iommufd,nicate-*" + _CALLS + _MAKEFILE, why="a glob that has it"),
    Good(_EXPORT % "nicate", why="no caller is shown"),
    Good(_EXPORT % "nicate" + _CALLS, why="nothing shows what the caller is linked into"),
    Good(
        _EXPORT % "nicate" + _CALLER % "frob_map_all(nicate->frob)" + _MAKEFILE,
        why="another function",
    ),
    Good(
        _EXPORT % "nicate" + _CALLER % "0; /* see frob_map() */" + _MAKEFILE,
        why="only a comment speaks of it",
    ),
    Good(
        _EXPORT % "nicate_core" + _CALLS + _MAKEFILE + _KCONFIG % "bool",
        why="a symbol that is never a module",
    ),
    Good(_EXPORT % "nicate" + _CALLS + _BUILTIN, why="what is built in may use all exports"),
]
