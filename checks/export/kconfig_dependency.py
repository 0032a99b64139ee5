# SPDX-License-Identifier: GPL-2.0-or-later
"""Select DMA_SHARED_BUFFER for code that calls the dma-buf core

Without CONFIG_DMA_SHARED_BUFFER there is no dma_buf_get() and no stub for it:
"modpost: "dma_buf_get" [drivers/misc/frob.ko] undefined!".  The option has no
prompt, so the symbol of whoever calls the core selects it, or depends on one
that does, as all of DRM and of videobuf2; or the code is left out without it.

Where the Kconfig entry is shown, by a tree or by the series, what follows
from it decides.  Where it is not, a file that starts to call the core outside
of those subsystems is asked about, once for a directory.
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Series, Severity
from checks.source.age import at_least
from checks.source.modules import Build, Module
from checks.source.pattern import pattern
from checks.source.users import WORDS, NewUser, new_users
from checks.source.vocabulary import CORE_DIRS, IMPORTERS

META = Meta(
    severity=Severity.WARNING,
    confidence=Confidence.MEDIUM,
    sources=(
        "716e8a8e-e4e0-468d-9314-10082c2bbb8d@roeck-us.net",
        "20240310124836.31863-4-paul@crapouillou.net",
        "drivers/base/Kconfig",
    ),
    words=WORDS,
)

OPTION = "DMA_SHARED_BUFFER"
_COVERED = (
    "drivers/accel/",
    "drivers/gpu/",
    "drivers/media/",
    "drivers/staging/media/",
    *CORE_DIRS,
)
"""Where the subsystem's own symbol selects it, or nearly always one that drivers there select."""
_IN_PART = (
    "drivers/infiniband/core/",
    "drivers/iommu/iommufd/",
    "drivers/vfio/pci/",
    "drivers/xen/gntdev",
)
"""Where only some code calls the core, under a symbol of its own."""
_IF = pattern(r"\s*#\s*(if|endif)")


def check(series: Series) -> Iterator[Hit]:
    users = [user for user in new_users(series) if not user.path.startswith(CORE_DIRS)]
    if not users or not series.complete:
        return
    build = Build(series)
    told: set[str] = set()
    for user in users:
        directory = user.path.rpartition("/")[0]
        if directory in told or _guarded(build, user):
            continue
        modules = build.modules(user.path)
        states = [build.brings_dma_buf(module) for module in modules]
        if modules and all(state is False for state in states):
            told.add(directory)
            yield _hit(build, user, modules[0])
        elif _unseen(series, build, user) and True not in states:
            told.add(directory)
            yield _question(user)


def _guarded(build: Build, user: NewUser) -> bool:
    """Whether the file, or a header that comes with it, leaves the code out without the option."""
    text = build.text(user.path)
    if text is None or f"CONFIG_{OPTION}" in text.joined or _conditional(user):
        return True
    return any(
        path.endswith(".h") and file.mentions(f"CONFIG_{OPTION}")
        for path, files in build.changes.items()
        for file in files
    )


def _conditional(user: NewUser) -> bool:
    """Whether the call stands in an `#if` about some option: what that one needs is not followed."""
    around: list[bool] = []
    for text in user.fragment.texts[: user.row]:
        found = _IF.match(text) if "#" in text else None
        if found and found.group(1) == "if":
            around.append("CONFIG_" in text)
        elif found and around:
            around.pop()
    return any(around)


def _unseen(series: Series, build: Build, user: NewUser) -> bool:
    """Whether nothing that is shown or known of the place has the option."""
    if build.blobs is not None or any(series.mentioning(OPTION)):
        return False
    if user.path.startswith(_COVERED):
        return False
    known = [start for start, since in IMPORTERS if at_least(series, since)]
    return not any(
        user.path.startswith(start) and not start.startswith(_IN_PART) for start in known
    )


def _hit(build: Build, user: NewUser, module: Module) -> Hit:
    symbol = min(module.target.guards, default=module.target.condition)
    where = f"{module.directory}/{module.name}.ko"
    return Hit(
        user.patch,
        user.file,
        user.line,
        f'Please let {symbol} select {OPTION}: it can be on without, and then modpost says: "'
        f'{user.call}" [{where}] undefined!',
        symbol=user.function,
        facts={"config": symbol, "module": module.name, "call": user.call},
    )


def _question(user: NewUser) -> Hit:
    return Hit(
        user.patch,
        user.file,
        user.line,
        f"Does the Kconfig symbol of this code select {OPTION}, or depend on one that does? "
        f"Without it the link fails with an undefined reference to {user.call}().",
        symbol=user.function,
        severity=Severity.NOTE,
        facts={"config": "", "module": "", "call": user.call},
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


_MAKEFILE = _new("Makefile", "frob-y := frob_main.o frob_buf.o", "obj-$(CONFIG_FROB) += frob.o")
_GUARDED = _new(
    "Makefile",
    "frob-y := frob_main.o",
    "frob-$(CONFIG_DMA_SHARED_BUFFER) += frob_buf.o",
    "obj-$(CONFIG_FROB) += frob.o",
)
_HEAD = ("config FROB", '\ttristate "Frob"')
_KCONFIG = _new("Kconfig", *_HEAD, "\tdepends on PCI", "\thelp", "\t  Frob.")
_SELECTS = _new("Kconfig", *_HEAD, "\tdepends on PCI", f"\tselect {OPTION}")
_DRM = _new("Kconfig", "if PCI && DRM", *_HEAD, "endif")
_EITHER = _new("Kconfig", *_HEAD, "\tdepends on DRM || COMPILE_TEST")
_BUF = _new(
    "frob_buf.c",
    "int frob_share(struct frob *frob)",
    "{",
    "\tfrob->dmabuf = dma_buf_export(&frob->info);",
    "\treturn dma_buf_fd(frob->dmabuf, O_CLOEXEC);",
    "}",
)
_AT = "frob->dmabuf = dma_buf_export(&frob->info);"
_FIRST_CALL = """\
diff --git a/drivers/%(path)s.c b/drivers/%(path)s.c
--- a/drivers/%(path)s.c
+++ b/drivers/%(path)s.c
@@ -5,5 +5,6 @@
  */
 
 #include <linux/device.h>
+#include <linux/dma-buf.h>
 #include <linux/module.h>
 
@@ -80,4 +81,5 @@ static void frob_stop(struct frob *frob)
 	struct frob_buffer *buffer = frob->buffer;
 
%(above)s
+	dma_buf_put(buffer->dmabuf);
 	buffer->dmabuf = NULL;
"""


def _first_call(path: str, above: str = " ") -> str:
    """A patch that adds a call to a file of which the rest is not shown."""
    return _FIRST_CALL % {"path": path, "above": above}


_ENTRY = """\
diff --git a/drivers/misc/Kconfig b/drivers/misc/Kconfig
--- a/drivers/misc/Kconfig
+++ b/drivers/misc/Kconfig
@@ -10,3 +10,4 @@ config FROB
 	depends on PCI
 	select CRC32
+	select DMA_SHARED_BUFFER
 	help
"""

BAD = [
    Bad(_KCONFIG + _MAKEFILE + _BUF, at=(_AT,)),
    Bad(_KCONFIG + _MAKEFILE + "# next patch\n" + _BUF, at=(_AT,)),
    Bad(_EITHER + _MAKEFILE + _BUF, at=(_AT,)),
    Bad(_first_call("misc/frob"), at=("dma_buf_put(buffer->dmabuf);",)),
    Bad(
        _first_call("infiniband/core/frob") + _first_call("infiniband/core/nicate"),
        at=("dma_buf_put(buffer->dmabuf);",),
    ),
]

GOOD = [
    Good(_SELECTS + _MAKEFILE + _BUF, why="the entry selects it"),
    Good(_MAKEFILE + _BUF + "# next patch\n" + _SELECTS, why="the next patch has the select"),
    Good(_DRM + _MAKEFILE + _BUF, why="DRM selects it"),
    Good(_KCONFIG + _GUARDED + _BUF, why="the makefile leaves the file out without it"),
    Good(
        _first_call("misc/frob", above=" #if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)"),
        why="the code is left out without it",
    ),
    Good(
        _first_call("misc/frob", above=" #ifdef CONFIG_FROB_SHARE"),
        why="the code is of another symbol, which may select it",
    ),
    Good(_first_call("misc/frob") + _ENTRY, why="an entry that is half shown gains it"),
    Good(_first_call("gpu/drm/frob/frob"), why="DRM selects it"),
    Good(_first_call("media/pci/frob"), why="videobuf2 selects it"),
    Good(_first_call("tee/frob"), why="TEE selects it"),
    Good(
        _first_call("misc/frob", above=" \tdma_buf_detach(buffer->dmabuf, buffer->attach);"),
        why="it called the core before",
    ),
    Good(_first_call("misc/frob/kunit/frob"), why="a test"),
]
