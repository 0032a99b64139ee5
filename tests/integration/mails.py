# SPDX-License-Identifier: GPL-2.0-or-later
"""A self-invented patch series as mails: v1 with replies, and v2 in a thread of its own.

Gives raw RFC 5322 bytes, the same at every call.  The driver, the people and
the bug do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

__all__ = [
    "COVER_V1",
    "COVER_V2",
    "LIST",
    "PATCHES",
    "STRANGER",
    "Note",
    "posting",
    "review",
    "world",
]

LIST = "list@example.org"
AUTHOR = "A U Thor <author@example.org>"
REVIEWER = "R E Viewer <reviewer@example.org>"
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
PATCHES = 3
COVER_V1 = "20261102.1-0-author@example.org"
COVER_V2 = "20261109.2-0-author@example.org"
STRANGER = "20261103.9-1-other@example.org"
"""A patch of someone else, which is no revision of ours."""

_DIFF = """\
diff --git a/drivers/gpu/drm/toy/toy_{part}.c b/drivers/gpu/drm/toy/toy_{part}.c
index 1111111111{part}..2222222222{part} 100644
--- a/drivers/gpu/drm/toy/toy_{part}.c
+++ b/drivers/gpu/drm/toy/toy_{part}.c
@@ -1,4 +1,5 @@ static int toy_open(struct toy *toy)
 {{
 \tint ret;
 
+\tret = toy_step_{part}(toy, {revision});
 \treturn ret;
"""


@dataclass(frozen=True, slots=True)
class Note:
    """One mail to be written."""

    msgid: str
    subject: str
    body: str
    parent: str = ""
    """Bare message-id that it answers."""
    root: str = ""
    """Bare message-id at the start of the thread, when that is not the parent."""
    sender: str = AUTHOR
    minutes: int = 0
    """After `START`."""

    def raw(self) -> bytes:
        """The mail as bytes, with LF line ends."""
        fields = [
            f"From: {self.sender}",
            f"To: {LIST}",
            f"Subject: {self.subject}",
            f"Date: {format_datetime(START + timedelta(minutes=self.minutes))}",
            f"Message-ID: <{self.msgid}>",
        ]
        if self.parent:
            chain = dict.fromkeys(msgid for msgid in (self.root, self.parent) if msgid)
            fields += [
                f"In-Reply-To: <{self.parent}>",
                "References: " + " ".join(f"<{msgid}>" for msgid in chain),
            ]
        fields += ["MIME-Version: 1.0", "Content-Type: text/plain; charset=UTF-8", "", self.body]
        return "\n".join(fields).encode()


def posting(revision: int, cover: str, minutes: int) -> list[Note]:
    """One revision: cover letter and patches."""
    mark = "PATCH" if revision == 1 else f"PATCH v{revision}"
    notes = [
        Note(
            cover,
            f"[{mark} 0/{PATCHES}] drm/toy: count the steps of opening",
            "Count them.\n\nFrom here on it is simple.\n\n-- \n2.47.3\n",
            minutes=minutes,
        )
    ]
    for part in range(1, PATCHES + 1):
        body = (
            f"Step {part} is not counted yet.  Count it.\n\nSigned-off-by: {AUTHOR}\n---\n"
            f" drivers/gpu/drm/toy/toy_{part}.c | 1 +\n 1 file changed, 1 insertion(+)\n\n"
            f"{_DIFF.format(part=part, revision=revision)}-- \n2.47.3\n"
        )
        notes.append(
            Note(
                cover.replace("-0-", f"-{part}-"),
                f"[{mark} {part}/{PATCHES}] drm/toy: count step {part}",
                body,
                parent=cover,
                minutes=minutes + part,
            )
        )
    return notes


def review() -> list[Note]:
    """What was answered to v1 and to v2."""
    remark = Note(
        "20261103.5-reviewer@example.org",
        f"Re: [PATCH 2/{PATCHES}] drm/toy: count step 2",
        "> +\tret = toy_step_2(toy, 1);\n\nWhy 1?\n\nFrom what I see it is 2.\n",
        parent=COVER_V1.replace("-0-", "-2-"),
        root=COVER_V1,
        sender=REVIEWER,
        minutes=600,
    )
    answer = Note(
        "20261103.6-author@example.org",
        remark.subject,
        "> Why 1?\n\nRight, will fix.\n",
        parent=remark.msgid,
        root=COVER_V1,
        minutes=660,
    )
    thanks = Note(
        "20261110.7-reviewer@example.org",
        f"Re: [PATCH v2 0/{PATCHES}] drm/toy: count the steps of opening",
        "Thanks.\n",
        parent=COVER_V2,
        sender=REVIEWER,
        minutes=10300,
    )
    return [remark, answer, thanks]


def world() -> list[Note]:
    """All mails of the list: v1, v2, their review, and a stranger's patch of the same driver."""
    stranger = Note(
        STRANGER,
        "[PATCH v3] drm/toy: remove an unused include",
        "Nothing uses it.\n\n" + _DIFF.format(part=9, revision=9) + "-- \n2.47.3\n",
        sender="O T Her <other@example.org>",
        minutes=1500,
    )
    return [*posting(1, COVER_V1, 0), stranger, *posting(2, COVER_V2, 10080), *review()]
