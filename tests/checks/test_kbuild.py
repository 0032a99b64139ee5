# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel makefiles: which object is linked into which module, as whole files and as hunks."""

from __future__ import annotations

import pytest

from checks.source.kbuild import Target, read_makefile

WHOLE = """\
# SPDX-License-Identifier: GPL-2.0
frob_extra-$(CONFIG_FROB_CM)	:= frob_cm.o

obj-$(CONFIG_FROB) += frob_core.o frob_pci.o \\
		      $(frob_extra-y)
obj-$(CONFIG_FROB_USER) += frob-user.o	# the other half
obj-y += frob_early.o nicate/
obj-$(CONFIG_FROB_DEBUG) += debug/
obj-m += frob_test.o
lib-y += frob_string.o

FROB_FILES := engine/ring.o engine/fence.o

frob_core-y :=	main.o \\
		queue.o
frob_core-objs += $(FROB_FILES)
frob_core-$(CONFIG_FROB_DMABUF) += dmabuf.o
ifdef CONFIG_DEBUG_FS
frob_core-y += debugfs.o
else
frob_core-y += nodebugfs.o
endif
ifneq ($(CONFIG_FROB_LEGACY),y)
frob_core-y += modern.o
endif
frob-user-$(subst m,y,$(CONFIG_FROB_MR)) += mr.o
CFLAGS_queue.o += -I$(src)
"""


def target(name: str, condition: str, *guards: str) -> tuple[Target, ...]:
    return (Target(name, condition, frozenset(guards)),)


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        ("main", target("frob_core", "FROB")),
        ("queue", target("frob_core", "FROB")),
        ("engine/fence", target("frob_core", "FROB")),
        ("dmabuf", target("frob_core", "FROB", "FROB_DMABUF")),
        ("debugfs", target("frob_core", "FROB", "DEBUG_FS")),
        ("nodebugfs", target("frob_core", "FROB")),
        ("modern", target("frob_core", "FROB")),
        ("frob_pci", target("frob_pci", "FROB")),
        ("frob_cm", target("frob_cm", "FROB", "FROB_CM")),
        ("mr", target("frob-user", "FROB_USER", "FROB_MR")),
        ("frob_early", target("frob_early", "y")),
        ("frob_string", target("frob_string", "y")),
        ("frob_test", target("frob_test", "m")),
        ("frob_core", ()),
        ("fence", ()),
        ("nicate", ()),
    ],
)
def test_what_an_object_is_linked_into(thing: str, expected: tuple[Target, ...]) -> None:
    assert read_makefile(WHOLE).targets(thing) == expected


def test_only_what_is_in_y_is_builtin_for_certain() -> None:
    makefile = read_makefile(WHOLE)
    assert makefile.targets("frob_early")[0].builtin
    assert not makefile.targets("main")[0].builtin
    assert not makefile.targets("frob_test")[0].builtin


def test_members_of_a_module() -> None:
    makefile = read_makefile(
        "frob-y := a.o\nfrob-objs += sub/b.o $(obj)/c.o\nobj-m := frob.o one.o\n"
    )
    assert makefile.members("frob") == ("a", "sub/b", "c")
    assert makefile.members("one") == ("one",)


def test_subdirectories() -> None:
    makefile = read_makefile(WHOLE)
    assert makefile.subdirectory("nicate") == ("y",)
    assert makefile.subdirectory("debug/") == ("FROB_DEBUG",)
    assert makefile.subdirectory("frob_core") == ()


HUNK = "\t\tfrob_mr.o frob_cq.o \\\n\t\tfrob_buf.o \\\n\t\tfrob_qp.o\n\nfrob_cm-y := cm.o\n"


@pytest.mark.parametrize(
    ("heading", "lists"),
    [
        ("frob-y := frob_main.o \\", ("frob",)),
        ("frob-y := frob_main.o", ()),
        ("endif", ()),
        ("", ()),
    ],
)
def test_a_hunk_inside_of_a_list(heading: str, lists: tuple[str, ...]) -> None:
    makefile = read_makefile(HUNK, heading)
    assert makefile.composites("frob_buf") == lists
    assert makefile.composites("cm") == ("frob_cm",)
    assert makefile.targets("frob_buf") == ()


def test_parts_add_up() -> None:
    makefile = read_makefile("frob-y := a.o\n") + read_makefile("obj-$(CONFIG_FROB) += frob.o\n")
    assert makefile.targets("a") == target("frob", "FROB")


@pytest.mark.parametrize(
    "text",
    [
        "A = $(A)\nobj-y += $(A)\n",
        "A = $(B)\nB = $(A)\nobj-$(CONFIG_FROB) += frob.o $(A)\n",
        "frob-y += frob.o\nobj-m += frob.o\n",
        "obj-y += \\\n",
        "endif\nelse\nifdef CONFIG_FROB\n",
        "obj-y += $(addprefix frob/,$(wildcard *.o)\n",
    ],
)
def test_it_ends_on_what_make_would_refuse(text: str) -> None:
    makefile = read_makefile(text)
    assert makefile.targets("nothing") == ()
    assert all(word for word in makefile.members("frob"))
