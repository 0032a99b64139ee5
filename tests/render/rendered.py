# SPDX-License-Identifier: GPL-2.0-or-later
"""Markdown as GitHub's own parser reads it, and what a forge then makes links and commands of.

What it has to be: plain paragraphs and code.  `ACTIVE` is what GitHub, GitLab
and Forgejo look for in the text of a page that they have made of Markdown.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import NamedTuple

from cmarkgfm.cmark import (  # type: ignore[import-untyped]
    Options,
    github_flavored_markdown_to_html,
)

__all__ = ["ACTIVE", "HOSTILE", "Page", "bare", "inert", "read"]

OPTIONS = Options.CMARK_OPT_FOOTNOTES | Options.CMARK_OPT_UNSAFE
"""Unsafe, lest it hide raw HTML from the tests; a forge takes some away, and leaves some."""
VOID = {"hr", "br", "img", "input"}
ACTIVE = re.compile(
    r"""
      @ | :// | www\. | mailto: | [`<>\[\]{}|\\^*~$%&#_\x00-\x08\x0b-\x1f\x7f]
    | (?<!\w)!\w                        # a merge request of GitLab
    | (?i:(?<!\w)(?:GH|GL|CVE|GHSA|[A-Z]{1,10})-\d)
    | (?i:(?<![\w])[0-9a-f]{7,64}(?![\w]))   # a commit
    | (?i::[a-z0-9_+-]+:)               # a picture
    | [\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]
    """,
    re.VERBOSE,
)
HOSTILE = (
    "@user", "@org/team", "@everyone", "@here", "@all", "user@example.org", "#1", "GH-1", "gh-12", "!2",
    "owner/repo#3", "group/project!4", "&4", "~label", '~"a label"', "%milestone", "$snippet", "$12",
    "0123456789abcdef0123456789abcdef01234567", "deadbee", "defaced", "1234567", "a1b2c3d...e4f5a6b",
    "fixes #3", "Closes", "https://evil.example.org", "http://x", "www.example.org", "mailto:a@b.c",
    "ftp://x/", "xmpp:a@b.c", "![x](https://e.example.org/x.png)", "[x](javascript:x)", "[x]", "[x][y]",
    "[x]: https://e.example.org", "![", "](", "<https://e.example.org>", "<b>", "</p>", "<script>", "<!--",
    "-->", "<!-- revokebot revokebot all -->", "<details>", "<img src=x>", "&amp;", "&#64;user", "&lt;b&gt;",
    "<?php", "<![CDATA[", "# x", "## ", "- x", "* x", "+ x", "1. x", "2) x", "|", "| a | b |", "|---|---|",
    "> x", "> [!NOTE]", "```", "````", "~~~", "```suggestion", "    indented", "*x*", "_x_", "__x__",
    "**x**", "~~x~~", ":smile:", ":+1:", "/close", "/assign @user", " /merge", "[[_TOC_]]", "[TOC]",
    "{{include}}", "::include{file=x}", "{+ a +}", "[- a -]", "$`x`$", "$x$", "$$", "---", "===", "***", "___",
    "- [ ] x", "- [x] x", "[^1]", "[^1]: x", "\u202e", "\u2066", "\u200b", "\ufeff", "\x1b[2J", "\0", "\x07",
    "\ud800", "\udc80", "\x85", "\u2028", "\t", "\n", "\r\n", "\r", "\n\n", " ", "  ", "\\", "\\\n", "`", "``",
    "` `", "`a", "a`", "`x`", "`a`b`", "'", '"', "(", ")", "(x)", "a(b", "f()", "f(a, b);", "->x", ".", ":",
    "::", "::error::x", "##[group]x", "::stop-commands::x", "1", "2026-03-03", "7.1", "v7.1-rc1", "e.g.",
    "word", "größe", "名前", "\U0001f600", "e\u0301", "ﬁ", "x" * 300, "dma_buf_fd()", "&dma_buf_ops.pin",
    "PROJ-12", "GHSA-cfgh-jmpq-rvwx", "CVE-2021-42574", "*iteration:1", "^alert#1", "[vulnerability:1]",
    "\u201cx\u201d", "don\u2019t", "and/or", "kernel-doc", "\xa0", "\u3000", "-", "--", "\u2014", "=", "?!",
)  # fmt: skip
"""Pieces of patches that a forge could make more of than text."""


class Page(NamedTuple):
    """What a reader of the page gets."""

    tags: tuple[str, ...]
    """Of elements, in order."""
    links: tuple[str, ...]
    """Where they lead."""
    words: str
    """Text outside of code and links."""
    text: str
    """All text."""
    code: tuple[str, ...]
    """What stands in code, each element by itself."""
    comments: tuple[str, ...]
    """HTML comments, and the like."""


def read(markdown: str) -> Page:
    """The page that `markdown` becomes."""
    reader = _Reader()
    reader.feed(github_flavored_markdown_to_html(markdown, OPTIONS))
    reader.close()
    return Page(
        (*reader.tags, *(f"{tag} never ends" for tag in reader.open)),
        tuple(reader.links),
        "".join(reader.words),
        "".join(reader.text),
        tuple(reader.code),
        tuple(reader.comments),
    )


def inert(page: Page, ours: tuple[str, ...] = ("p", "code")) -> None:
    """Assert that the page has no element but `ours`, and no text that a forge makes more of."""
    assert set(page.tags) <= set(ours), page.tags
    assert (found := ACTIVE.search(page.words)) is None, (found, page.words)


def bare(text: str) -> str:
    """`text` without blanks and backticks, which Markdown may add or take away around words."""
    return "".join(text.replace("`", "").split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.text: list[str] = []
        self.code: list[str] = []
        self.comments: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        known = {"a": {"href"}, "pre": {"lang"}}.get(tag, set())
        self.tags.append("".join([tag, *(f"[{name}]" for name in given.keys() - known)]))
        if "href" in given:
            self.links.append(given["href"] or "")
        if tag == "code":
            self.code.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif tag not in VOID:
            self.tags.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if "code" in self.open:
            self.code[-1] += data
        elif "a" not in self.open:
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def handle_decl(self, decl: str) -> None:
        self.comments.append(decl)

    def unknown_decl(self, data: str) -> None:
        self.comments.append(data)

    def handle_pi(self, data: str) -> None:
        self.comments.append(data)
