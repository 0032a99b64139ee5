# SPDX-License-Identifier: GPL-2.0-or-later
"""Import the namespace DMA_BUF in every module that calls the dma-buf core

The core's symbols are in the namespace "DMA_BUF" since v5.16.  A module that
calls one of them needs MODULE_IMPORT_NS() in one of its files, else modpost
ends with "module frob uses symbol dma_buf_get from namespace DMA_BUF, but does
not import it".  One import per module is enough; what is only ever built in
needs none.

With a tree the makefile tells which files a module has, and all of them are
looked at.  Without one, a file that starts to call the core is told of when
no file near it is seen or known to import the namespace; where an import in
the same directory may be another module's, it is no more than a question.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Series, Severity
from checks.source.age import at_least
from checks.source.modules import Build, Module
from checks.source.users import WORDS, NewUser, calls_core, new_users
from checks.source.vocabulary import BUILTIN_DIRS, CORE_DIRS, IMPORTERS

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=(
        "20260201-dmabuf-export-v3-2-da238b614fe3@nvidia.com",
        "202303151116.lxbyxGM6-lkp@intel.com",
        "drivers/dma-buf/dma-buf.c",
        "Documentation/core-api/symbol-namespaces.rst",
    ),
    words=WORDS,
)

NAMESPACE = "DMA_BUF"
_CORE = ("drivers/dma-buf/dma-buf.c", "drivers/dma-buf/dma-buf-mapping.c")


def check(series: Series) -> Iterator[Hit]:
    users = [user for user in new_users(series) if not user.path.startswith(CORE_DIRS)]
    if not users or not series.complete:
        return  # a patch that is not here may have the import
    build = Build(series)
    if not _has_namespace(series, build):
        return
    if any(path.endswith(".h") for path in _importing(build)):
        return  # whoever includes it imports the namespace
    told: set[tuple[str, str]] = set()
    for user in users:
        lists = build.composites(user.path)
        if told & lists or NAMESPACE in (build.imports(user.path) or ()):
            continue
        modules = build.modules(user.path)
        states = {build.is_modular(module) for module in modules}
        if False in states or (None in states and user.path.startswith(BUILTIN_DIRS)):
            continue
        if any(module.whole for module in modules):
            wrong = [module for module in modules if _lacks(build, module)]
            hits = [_hit(series, user, wrong[0], states)] if wrong == list(modules) else []
        else:
            hits = list(_by_series(series, build, user))
        if hits:
            told |= lists
        yield from hits


def _has_namespace(series: Series, build: Build) -> bool:
    """By the core's exports where there is a tree, else by the age of the series."""
    core = build.blobs.file(_CORE[0]) if build.blobs is not None else None
    if core is not None:
        return b"EXPORT_SYMBOL_NS" in core
    return at_least(series, (5, 16))


def _lacks(build: Build, module: Module) -> bool:
    """Whether no file of `module` imports the namespace, and none called the core before."""
    if not module.whole:
        return False
    for path in build.sources(module):
        imported = build.imports(path)
        if imported is None:
            return False  # made by the build, no C, or not shown: what it imports can't be seen
        if NAMESPACE in imported:
            return False
    return not _called_before(build, module)


def _called_before(build: Build, module: Module) -> bool:
    """Whether another file of `module` called the core all along: then the import is hidden."""
    if build.blobs is None:
        return False
    for path in build.sources(module):
        if path not in build.changes:
            text = build.text(path)
            if text is not None and calls_core(text.joined):
                return True
    return False


def _by_series(series: Series, build: Build, user: NewUser) -> Iterator[Hit]:
    """What to say when no makefile shows the whole module."""
    directory = user.path.rpartition("/")[0] + "/"
    others = [path for path in _importing(build) if _near(path, directory)]
    if others:
        other = _foreign(build, user, others)
        if other is not None:
            yield _question(user, other)
        return
    known = user.path.startswith(BUILTIN_DIRS) or _known_importer(series, user.path)
    if build.blobs is None and not known:
        yield _hit(series, user, None, set())


def _importing(build: Build) -> Iterator[str]:
    """The files of the series that are seen to import the namespace."""
    for path in build.changes:
        if path.endswith((".c", ".h")) and NAMESPACE in (build.imports(path) or ()):
            yield path


def _near(path: str, directory: str) -> bool:
    """Whether `path` may be of the same module as a file of `directory`."""
    own = path.rpartition("/")[0] + "/"
    return own.startswith(directory) or directory.startswith(own) or own == directory


def _known_importer(series: Series, path: str) -> bool:
    return any(path.startswith(start) and at_least(series, since) for start, since in IMPORTERS)


def _foreign(build: Build, user: NewUser, others: list[str]) -> str | None:
    """The one importing file next to `user` that its module is not seen to have.

    Asked only where the series lists the new file in a makefile and the import
    stands in a file that calls the core itself, as if each file had its own.
    """
    lists = build.composites(user.path)
    if len(others) != 1 or not lists or user.file.diff.old_path is not None:
        return None
    other = others[0]
    text = build.text(other)
    if lists & build.composites(other) or text is None:
        return None
    main = "MODULE_LICENSE" in text.joined or not calls_core(text.joined)
    return None if main else other


def _hit(series: Series, user: NewUser, module: Module | None, modular: set[bool | None]) -> Hit:
    if module is not None:
        place = f"module {module.name}"
        error = (
            f"{place} uses symbol {user.call} from namespace {NAMESPACE}, but does not import it"
        )
        after = f"modpost will say: {error}."
    else:
        place = "the module"
        after = f"modpost will complain that it uses {user.call} without that."
    quoted = f'"{NAMESPACE}"' if at_least(series, (6, 13)) else NAMESPACE
    return Hit(
        user.patch,
        user.file,
        user.line,
        f"Please add MODULE_IMPORT_NS({quoted}) to {place}, or {after}",
        symbol=user.function,
        confidence=Confidence.HIGH if modular == {True} else Confidence.MEDIUM,
        facts={
            "module": module.name if module is not None else "",
            "call": user.call,
            "import": f"MODULE_IMPORT_NS({quoted});",
        },
    )


def _question(user: NewUser, other: str) -> Hit:
    return Hit(
        user.patch,
        user.file,
        user.line,
        f"Is this linked into the same module as {other.rpartition('/')[2]}, which imports the "
        f"namespace {NAMESPACE}? Otherwise it needs an import of its own for {user.call}().",
        symbol=user.function,
        severity=Severity.NOTE,
        confidence=Confidence.MEDIUM,
        facts={"call": user.call, "other": other},
    )


_NEW = """\
diff --git a/drivers/misc/frob/%(name)s b/drivers/misc/frob/%(name)s
new file mode 100644
--- /dev/null
+++ b/drivers/misc/frob/%(name)s
@@ -0,0 +1,%(count)d @@
%(lines)s
"""


def _new(name: str, *lines: str) -> str:
    """A new file of the driver, for the examples."""
    added = "\n".join("+" + line for line in lines)
    return _NEW % {"name": name, "count": len(lines), "lines": added}


_MAKEFILE = _new(
    "Makefile", "frob-y := frob_main.o \\", "\tfrob_buf.o", "obj-$(CONFIG_FROB) += frob.o"
)
_BOOL = _new("Kconfig", "config FROB", '\tbool "Frob"', "\tdepends on PCI")
_MAIN = _new("frob_main.c", '#include "frob.h"', 'MODULE_LICENSE("GPL");')
_IMPORTING = _new("frob_main.c", 'MODULE_IMPORT_NS("DMA_BUF");', 'MODULE_LICENSE("GPL");')
_BUF = _new(
    "frob_buf.c",
    "#include <linux/dma-buf.h>",
    "int frob_share(struct frob *frob)",
    "{",
    "\tfrob->dmabuf = dma_buf_export(&frob->info);",
    "\treturn dma_buf_fd(frob->dmabuf, O_CLOEXEC);",
    "}",
)
_EXPORTS = "frob->dmabuf = dma_buf_export(&frob->info);"
_TWO = _new(
    "Makefile",
    "frob-y := frob_main.o",
    "frob_share-$(CONFIG_FROB_SHARE) += frob_buf.o",
    "obj-$(CONFIG_FROB) += frob.o",
    "obj-$(CONFIG_FROB) += frob_share.o",
)
_FIRST_CALL = """\
diff --git a/drivers/%s.c b/drivers/%s.c
--- a/drivers/%s.c
+++ b/drivers/%s.c
@@ -5,5 +5,6 @@
  */
 
 #include <linux/device.h>
%s
 #include <linux/module.h>
 
@@ -80,4 +81,5 @@ static void frob_stop(struct frob *frob)
 	struct frob_buffer *buffer = frob->buffer;
 
%s
+	dma_buf_put(buffer->dmabuf);
 	buffer->dmabuf = NULL;
"""


def _first_call(path: str, include: str = "+#include <linux/dma-buf.h>", above: str = " ") -> str:
    """A patch that adds a call to a file of which the rest is not shown."""
    return _FIRST_CALL % (path, path, path, path, include, above)


_LISTED = """\
diff --git a/drivers/misc/frob/Makefile b/drivers/misc/frob/Makefile
--- a/drivers/misc/frob/Makefile
+++ b/drivers/misc/frob/Makefile
@@ -4,3 +4,4 @@ frob_cm-y := cm.o
 frob-y := frob_main.o \\
 	frob_ioctl.o \\
+	frob_buf.o \\
 	frob_queue.o
"""
_ELSEWHERE = """\
diff --git a/drivers/misc/frob/frob_core.c b/drivers/misc/frob/frob_core.c
--- a/drivers/misc/frob/frob_core.c
+++ b/drivers/misc/frob/frob_core.c
@@ -5,3 +5,6 @@
 #include <linux/device.h>
+#include <linux/dma-buf.h>
 #include "frob.h"
 
+MODULE_IMPORT_NS("DMA_BUF");
+
@@ -80,2 +83,3 @@ static void frob_stop(struct frob *frob)
 	struct frob_buffer *buffer = frob->buffer;
+	dma_buf_invalidate_mappings(buffer->dmabuf);
 	buffer->dmabuf = NULL;
"""
_MOVED = """\
diff --git a/drivers/misc/frob/frob_all.c b/drivers/misc/frob/frob_all.c
--- a/drivers/misc/frob/frob_all.c
+++ b/drivers/misc/frob/frob_all.c
@@ -80,4 +80,2 @@ static int frob_share(struct frob *frob)
 	struct frob_buffer *buffer = frob->buffer;
-	frob->dmabuf = dma_buf_export(&frob->info);
-	return dma_buf_fd(frob->dmabuf, O_CLOEXEC);
 	buffer->dmabuf = NULL;
"""

BAD = [
    Bad(_MAKEFILE + _MAIN + _BUF, at=(_EXPORTS,)),
    Bad(_TWO + _IMPORTING + _BUF, at=(_EXPORTS,)),
    Bad(_MAKEFILE + _MAIN + "# next patch\n" + _BUF, at=(_EXPORTS,)),
    Bad(_first_call("misc/frob"), at=("dma_buf_put(buffer->dmabuf);",)),
    Bad(
        _first_call("misc/frob")
        + _first_call("spi/nicate", include='+MODULE_IMPORT_NS("DMA_BUF");'),
        at=("dma_buf_put(buffer->dmabuf);",),
    ),
    Bad(_LISTED + _ELSEWHERE + _BUF, at=(_EXPORTS,)),
]

GOOD = [
    Good(
        _MAKEFILE + _MAIN + _BUF + _new("frob.h", 'MODULE_IMPORT_NS("DMA_BUF");'),
        why="a header of the driver has the import",
    ),
    Good(_MAKEFILE + _IMPORTING + _BUF, why="the import is in another file of the same module"),
    Good(_MAKEFILE + _BUF + "# next patch\n" + _IMPORTING, why="the next patch has it"),
    Good(_MAKEFILE.replace("$(CONFIG_FROB)", "y") + _MAIN + _BUF, why="only ever built in"),
    Good(_first_call("android/frob"), why="binder is only ever built in"),
    Good(_BOOL + _MAKEFILE + _MAIN + _BUF, why="the symbol is bool, so it is built in"),
    Good(_MAKEFILE + _BUF, why="frob_main.c is there already, and is not shown"),
    Good(
        _first_call("misc/frob", above=" \tdma_buf_detach(buffer->dmabuf, buffer->attach);"),
        why="it called the core before",
    ),
    Good(
        _first_call("misc/frob", include="+#include <linux/dma-fence.h>"),
        why="what it called before is not shown",
    ),
    Good(_first_call("gpu/drm/xe/frob"), why="the module imports it elsewhere"),
    Good(_first_call("misc/frob/selftest"), why="a test"),
    Good(_MOVED + _BUF, why="the code only moves"),
    Good(
        _first_call("misc/frob").replace("dma_buf_put(buffer", "drm_gem_prime_put(buffer"),
        why="drm.ko calls the core for it",
    ),
    Good(
        _first_call("misc/frob").replace("dma_buf_put(buffer", "get_dma_buf(buffer"),
        why="a static inline needs no symbol",
    ),
    Good(
        _first_call("misc/frob/core")
        + _first_call("misc/frob/buf", include='+MODULE_IMPORT_NS("DMA_BUF");'),
        why="it may be the same module",
    ),
]
