# SPDX-License-Identifier: GPL-2.0-or-later
"""Regular expressions that are compiled when they are first used.

There are more than a hundred of them and a review needs a few; compiling all
at import was a tenth of the time of a review by hand.
"""

from __future__ import annotations

import re
from typing import AnyStr, cast

__all__ = ["pattern"]

_METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "split")


class _Lazy:
    def __init__(self, text: str | bytes, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> object:
        """Reached once: afterwards the compiled pattern's methods are attributes of their own."""
        compiled = re.compile(self._text, self._flags)
        for method in _METHODS:
            setattr(self, method, getattr(compiled, method))
        return getattr(compiled, name)


def pattern(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return what behaves as `re.compile(text, flags)`, and compiles on first use."""
    return cast("re.Pattern[AnyStr]", _Lazy(text, flags))
