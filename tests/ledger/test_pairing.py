# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings of two revisions, matched whatever moved or was renamed between them."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bot.pairing import pair
from checks.api import Finding
from tests.ledger.frob import MAP, finding, posting_of

(PATCH,) = posting_of(MAP).series.patches
BASE = finding(PATCH)
RENAMED = "+\tdma_buf_invalidate_mappings(frob->dmabuf);"


def other(**changes: object) -> Finding:
    return BASE._replace(fingerprint="new", **changes)  # type: ignore[arg-type]


def test_what_moves_and_is_renamed_stays_the_same() -> None:
    assert pair([BASE._replace(line=99, diff_line=99)], [BASE]) == {0: 0}
    assert pair([other(symbol="frob_start")], [BASE]) == {0: 0}
    assert pair([other(file="drivers/frob/core.c")], [BASE]) == {0: 0}
    assert pair([other(line_text=RENAMED, file="drivers/frob/core.c")], [BASE]) == {0: 0}
    assert pair([other(line_text="+\tfrob_tell(frob);")], [BASE]) == {0: 0}
    assert pair([other(symbol="frob_start", file="drivers/frob/core.c")], [BASE]) == {0: 0}


def test_what_could_be_several_is_none() -> None:
    moved = [other(symbol=f"frob_{n}", file=f"drivers/frob/{n}.c") for n in range(2)]
    assert pair(moved, [BASE]) == {}
    assert pair([other(line_text=f"+\tfrob_{n}();") for n in range(2)], [BASE]) == {}
    assert pair([other(rule="pin-pair")], [BASE]) == {}
    assert pair([other(line_text="+\tfrob_tell();", facts={"kind": "order"})], [BASE]) == {}
    assert pair([other(symbol="frob_start", file="x.c")], [BASE], sure=True) == {}


FINDINGS = st.lists(
    st.builds(
        lambda rule, file, symbol, text, row: BASE._replace(
            rule=rule,
            file=file,
            symbol=symbol,
            line_text=text,
            diff_line=row,
            fingerprint=f"{rule}{file}{symbol}{text}",
        ),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["f.c", "g.c"]),
        st.sampled_from([None, "s", "t"]),
        st.sampled_from(["+x", "+ x", "+y"]),
        st.integers(0, 5),
    ),
    max_size=8,
)


@given(FINDINGS, FINDINGS, st.randoms(use_true_random=False))
def test_order_does_not_matter_and_none_is_taken_twice(
    new: list[Finding], old: list[Finding], random: Random
) -> None:
    pairs = pair(new, old)
    assert len(set(pairs.values())) == len(pairs)
    assert all(new[a].rule == old[b].rule for a, b in pairs.items())
    mixed_new, mixed_old = random.sample(new, len(new)), random.sample(old, len(old))
    mixed = pair(mixed_new, mixed_old)

    def plain(found: dict[int, int], ours: list[Finding], theirs: list[Finding]) -> list[str]:
        return sorted(f"{ours[a]} {theirs[b]}" for a, b in found.items())

    assert plain(pairs, new, old) == plain(mixed, mixed_new, mixed_old)


@given(FINDINGS)
def test_a_revision_without_change_matches_itself(found: list[Finding]) -> None:
    pairs = pair(found, found)
    assert pairs.keys() == set(range(len(found)))
    assert all(found[a] == found[b] for a, b in pairs.items())
