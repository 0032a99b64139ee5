# SPDX-License-Identifier: GPL-2.0-or-later
"""Spell export macros and their module lists as the kernel has them

EXPORT_SYMBOL_FOR_MODULES(symbol, "mod1,mod2") takes one quoted, comma-separated
list of module names without blanks, without ".ko" and without the "module:"
that the macro adds itself; a name may end in "*".  The macro was called
EXPORT_SYMBOL_GPL_FOR_MODULES in v6.16 only.  EXPORT_SYMBOL_NS_GPL is the one
with a namespace; there is no EXPORT_SYMBOL_GPL_NS.  What is exported to named
modules can't be imported with MODULE_IMPORT_NS("module:...").
"""

from collections.abc import Iterator

from checks.api import Bad, Confidence, Good, Hit, Meta, Series, Severity
from checks.source.age import at_least
from checks.source.exports import Export
from checks.source.pattern import pattern
from checks.source.suggest import replace_rows

META = Meta(
    severity=Severity.ERROR,
    confidence=Confidence.HIGH,
    sources=("include/linux/export.h", "1-v1-af84a3ab44f5+f68-iommufd_buf_jgg@nvidia.com"),
    words=("FOR_MODULE", "EXPORT_SYMBOL_GPL_NS", 'MODULE_IMPORT_NS("module:'),
)

_LIST = pattern(r'"[A-Za-z0-9_-]+\*?(?:,[A-Za-z0-9_-]+\*?)*"')


def check(series: Series) -> Iterator[Hit]:
    for patch in series.mentioning(*META.words):
        for file in patch.change.touching(*META.words):
            if not file.path.endswith((".c", ".h")):
                continue
            for export in file.after.exports:
                line = export.fragment.shown(export.row)
                wrong = _wrong(series, export)
                if wrong is None or line is None or not file.is_new(line):
                    continue
                message, right = wrong
                fixed = (
                    replace_rows(file.path, export.fragment, export.row, export.row, (right,))
                    if right
                    else ""
                )
                yield Hit(
                    patch,
                    file,
                    line,
                    message,
                    symbol=export.symbol.strip('"') or None,
                    suggestion=fixed,
                )


def _wrong(series: Series, export: Export) -> tuple[str, str] | None:
    """What is wrong with a macro call, and the right one where it is known; None when it is right."""
    macro, arguments = export.macro, export.arguments
    if macro == "MODULE_IMPORT_NS":
        if arguments and arguments[0].startswith('"module:'):
            return (
                "A symbol that is exported to named modules needs and allows no import; please drop this.",
                "",
            )
        return None
    if macro.startswith("EXPORT_SYMBOL_GPL_NS"):
        right = f"EXPORT_SYMBOL_NS_GPL({', '.join(arguments)});"
        return f"There is no {macro}; the macro is EXPORT_SYMBOL_NS_GPL.", right
    if not macro.endswith(("_FOR_MODULE", "_FOR_MODULES")):
        return None
    if macro != _name_of_macro(series, macro):
        right = f"{_name_of_macro(series, macro)}({', '.join(arguments)});"
        return f"There is no {macro}; the macro is {_name_of_macro(series, macro)}.", right
    return _wrong_list(export)


def _name_of_macro(series: Series, written: str) -> str:
    """The macro's name in the tree of the time."""
    if not at_least(series, (6, 17)):
        return written if written.endswith("S") else "EXPORT_SYMBOL_FOR_MODULES"
    return "EXPORT_SYMBOL_FOR_MODULES"


def _wrong_list(export: Export) -> tuple[str, str] | None:
    if any("(" in argument for argument in export.arguments):
        return None  # made by other macros: what comes out is not shown
    if len(export.arguments) < 2:
        return f"{export.macro} needs the modules as its second argument, one quoted list.", ""
    if len(export.arguments) == 2 and _LIST.fullmatch(export.arguments[1]):
        return None
    names = [n.strip(' "') for a in export.arguments[1:] for n in a.split(",")]
    modules = ",".join(n.removeprefix("module:").removesuffix(".ko") for n in names if n)
    right = f'{export.macro}({export.symbol}, "{modules}");'
    message = (
        "The modules are one quoted, comma-separated list of names, without blanks, "
        f'".ko" or "module:": "{modules}"'
    )
    return message, right


_EXPORT = """\
diff --git a/drivers/vfio/frob.c b/drivers/vfio/frob.c
--- a/drivers/vfio/frob.c
+++ b/drivers/vfio/frob.c
@@ -10,3 +10,4 @@ int frob_map(struct frob *frob)
 	return 0;
 }
+%s
 
"""
_WRONG = (
    'EXPORT_SYMBOL_GPL_NS(frob_map, "FROB");',
    'EXPORT_SYMBOL_FOR_MODULE(frob_map, "frob");',
    "EXPORT_SYMBOL_FOR_MODULES(frob_map, frob);",
    "EXPORT_SYMBOL_FOR_MODULES(frob_map);",
    'EXPORT_SYMBOL_FOR_MODULES(frob_map, "frob, nicate");',
    'EXPORT_SYMBOL_FOR_MODULES(frob_map, "frob", "nicate");',
    'EXPORT_SYMBOL_FOR_MODULES(frob_map, "frob.ko");',
    'EXPORT_SYMBOL_FOR_MODULES(frob_map, "module:frob");',
    'EXPORT_SYMBOL_GPL_FOR_MODULES(frob_map, "frob");',
    'MODULE_IMPORT_NS("module:frob");',
)

BAD = [Bad(_EXPORT % wrong, at=(wrong,)) for wrong in _WRONG]

GOOD = [
    Good(
        _EXPORT % 'EXPORT_SYMBOL_FOR_MODULES(frob_map, "frob,kvm-*");',
        why="a list, and a tail glob",
    ),
    Good(_EXPORT % 'EXPORT_SYMBOL_NS_GPL(frob_map, "FROB");', why="the namespace macro"),
    Good(
        _EXPORT % "EXPORT_SYMBOL_FOR_MODULES(frob_map, __stringify(FROB_MODULES));",
        why="a list that another macro makes",
    ),
]
