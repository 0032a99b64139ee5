# SPDX-License-Identifier: GPL-2.0-or-later
"""Kconfig files: what follows from a symbol being on."""

from __future__ import annotations

import pytest

from checks.source.kconfig import Sourced, ensures, read_kconfig

TEXT = """\
# SPDX-License-Identifier: GPL-2.0-only
menuconfig FROB
	tristate "Frob support"
	depends on PCI && \\
		   HAS_DMA
	select FROB_LIB if OF
	help
	  Frob things.

	  select DMA_SHARED_BUFFER, it says here, and
	    depends on DRM
	  config NOTHING

if FROB

config FROB_SHARE
	bool "Share buffers" if EXPERT
	select DMA_SHARED_BUFFER
	default y

menu "Drivers"
	depends on FROB_SHARE

source "drivers/frob/nicate/Kconfig"

config FROB_ONE
	tristate
	depends on X86
	prompt "One"

endmenu

config FROB_TWO
	tristate "Two"
	depends on FROB_SHARE || COMPILE_TEST

config FROB_THREE
	tristate "Three"
	depends on (FROB_SHARE && PCI) || FROB_ONE

config FROB_NOT
	bool "Not"
	depends on !FROB_SHARE && FROB_SHARE=n

config FROB_IS
	bool "Is"
	depends on FROB_SHARE != n

config FROB_IF
	bool "If"
	select DMA_SHARED_BUFFER if FROB_MAYBE

config FROB_HIDDEN
	def_bool y if PCI && DMA_SHARED_BUFFER

config FROB_ALWAYS
	def_bool y

config FROB_LOOP
	bool "Loop"
	depends on FROB_LOOP2

config FROB_LOOP2
	bool "Loop 2"
	select FROB_LOOP

config FROB_FAR
	bool "Far"
	depends on ELSEWHERE

endif

config LAST
	bool
"""

KCONFIG = read_kconfig(TEXT)
SYMBOLS = {symbol.name: symbol for symbol in KCONFIG.symbols}


def test_entries_and_their_types() -> None:
    assert len(SYMBOLS) == 14
    assert SYMBOLS["FROB"].type == "tristate"
    assert SYMBOLS["FROB"].modular is True
    assert SYMBOLS["FROB_SHARE"].modular is False
    assert SYMBOLS["FROB_ALWAYS"].type == "bool"
    assert "NOTHING" not in SYMBOLS


def test_dependencies_with_those_of_the_blocks() -> None:
    assert [expression.split() for expression in SYMBOLS["FROB"].depends] == [
        ["PCI", "&&", "HAS_DMA"]
    ]
    assert SYMBOLS["FROB_ONE"].depends == ("FROB", "FROB_SHARE", "X86")
    assert SYMBOLS["FROB_ONE"].prompt
    assert SYMBOLS["FROB_TWO"].depends[0] == "FROB"
    assert SYMBOLS["LAST"].depends == ()
    assert KCONFIG.sources == (Sourced("drivers/frob/nicate/Kconfig", ("FROB", "FROB_SHARE")),)


def test_selects() -> None:
    assert SYMBOLS["FROB"].selects == (("FROB_LIB", "OF"),)
    assert SYMBOLS["FROB_SHARE"].selects == (("DMA_SHARED_BUFFER", ""),)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("DMA_SHARED_BUFFER", True),
        ("FROB_SHARE", True),
        ("FROB", False),
        ("FROB_ONE", True),
        ("FROB_TWO", False),
        ("FROB_THREE", True),
        ("FROB_NOT", False),
        ("FROB_IS", True),
        ("FROB_IF", None),
        ("FROB_HIDDEN", True),
        ("FROB_ALWAYS", False),
        ("FROB_LOOP", False),
        ("FROB_FAR", None),
        ("PCI", False),
    ],
)
def test_what_follows_from_a_symbol(name: str, expected: bool | None) -> None:
    def lookup(symbol: str) -> object:
        return SYMBOLS.get(symbol, None if symbol == "ELSEWHERE" else False)

    assert ensures(name, "DMA_SHARED_BUFFER", lookup) is expected  # type: ignore[arg-type]


def test_a_hunk_gives_only_entries_whose_head_it_shows() -> None:
    part = read_kconfig(
        "\tdepends on PCI\n\thelp\n\t  Text.\n\nconfig FROB\n\tbool\n\tdepends on OF\n"
    )
    assert [(symbol.name, symbol.depends) for symbol in part.symbols] == [("FROB", ("OF",))]


@pytest.mark.parametrize("expression", ["(", "A && ", "!", "((((A", "A B", ") || A", "=", "A ="])
def test_an_expression_that_is_none_says_nothing_wrong(expression: str) -> None:
    text = f"config FROB\n\tbool\n\tdepends on {expression}\n"
    symbols = {symbol.name: symbol for symbol in read_kconfig(text).symbols}
    found = ensures("FROB", "DMA_SHARED_BUFFER", lambda name: symbols.get(name, False))
    assert found is not True


def test_deep_nesting_and_long_chains_end() -> None:
    deep = "(" * 5000 + "A" + ")" * 5000
    chain = "".join(f"config F{n}\n\tbool\n\tdepends on F{n + 1}\n" for n in range(5000))
    text = f"config DEEP\n\tbool\n\tdepends on {deep}\n{chain}"
    symbols = {symbol.name: symbol for symbol in read_kconfig(text).symbols}
    for name in ("DEEP", "F0"):
        assert (
            ensures(name, "DMA_SHARED_BUFFER", lambda other: symbols.get(other, False)) is not True
        )
