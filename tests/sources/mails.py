# SPDX-License-Identifier: GPL-2.0-or-later
"""Mails made for the tests: an invented driver, its patches, and senders of every habit."""

from __future__ import annotations

import random

AUTHOR = "A U Thor <author@author.example>"
DIFF = """\
diff --git a/drivers/teapot/teapot.c b/drivers/teapot/teapot.c
index 1111111..2222222 100644
--- a/drivers/teapot/teapot.c
+++ b/drivers/teapot/teapot.c
@@ -10,4 +10,5 @@ static int teapot_pour(struct teapot *pot)
 \tif (!pot->lid)
 \t\treturn -EINVAL;
 
+\tteapot_warm(pot);
 \treturn 0;
"""
BODY = f"""\
Warm the pot before pouring, or the tea gets cold.

Signed-off-by: {AUTHOR}
---
 drivers/teapot/teapot.c | 1 +
 1 file changed, 1 insertion(+)

{DIFF}-- 
2.52.0

"""
MESSAGE = f"""\
Warm the pot before pouring, or the tea gets cold.

Signed-off-by: {AUTHOR}"""


def mail(
    subject: str,
    msgid: str = "1@author.example",
    parent: str = "",
    body: str = BODY,
    minute: int = 0,
    sender: str = AUTHOR,
    extra: str = "",
) -> bytes:
    """A plain mail; `extra` is header lines, each ending in LF."""
    head = (
        f"From: {sender}\nTo: list@lists.example\nDate: Tue, 03 Mar 2026 10:{minute:02}:00 +0100\n"
    )
    head += f"Subject: {subject}\n" + (f"Message-ID: <{msgid}>\n" if msgid else "")
    head += f"In-Reply-To: <{parent}>\n" if parent else ""
    return (head + extra + "\n" + body).encode()


def series(
    total: int, revision: int = 1, stem: str = "s", parent: str = "", tag: str = "PATCH"
) -> list[bytes]:
    """A cover letter `STEM0@..` and its parts, threaded below it as git send-email does."""
    version = f" v{revision}" if revision > 1 else ""
    minute = 10 * revision
    cover = f"{stem}0@author.example"
    mails = [
        mail(f"[{tag}{version} 0/{total}] teapot: keep it warm", cover, parent, "Hello.\n", minute)
    ]
    for number in range(1, total + 1):
        subject = f"[{tag}{version} {number}/{total}] teapot: step {number}"
        msgid = f"{stem}{number}@author.example"
        mails.append(mail(subject, msgid, cover, minute=minute))
    return mails


def shuffled(mails: list[bytes], seed: int) -> list[bytes]:
    mails = list(mails)
    random.Random(seed).shuffle(mails)
    return mails


def mboxrd(mails: list[bytes]) -> bytes:
    """The mails as one mboxrd file."""
    out = b""
    for one in mails:
        lines = one.split(b"\n")
        escaped = [
            b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in lines
        ]
        out += b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + b"\n".join(escaped) + b"\n"
    return out
