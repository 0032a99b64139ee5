# SPDX-License-Identifier: GPL-2.0-or-later
"""An invented driver, frob: its patches, mails, findings and reviews, written by hand."""

from __future__ import annotations

import hashlib

from bot.model import Mail, Posting, Review
from bot.sources.mail import parse_mail, read_mail
from bot.sources.series import assemble
from checks.api import Confidence, Edition, Finding, Patch, Severity
from tests.sources.mails import mail

__all__ = ["OWN", "finding", "parsed", "patch_mail", "posting_of", "reply", "review_of"]

OWN = "revokebot@bots.example"

MAP = """\
diff --git a/drivers/frob/frob_dmabuf.c b/drivers/frob/frob_dmabuf.c
index 1111111..2222222 100644
--- a/drivers/frob/frob_dmabuf.c
+++ b/drivers/frob/frob_dmabuf.c
@@ -10,4 +10,12 @@ static int frob_probe(struct frob *frob)
 \tif (!frob->ready)
 \t\treturn -EINVAL;
 
+\tfrob_stop(frob);
+\tdma_buf_move_notify(frob->dmabuf);
+\tfrob_first(frob);
+\tfrob_second(frob);
+\tfrob_third(frob);
+\tfrob_fourth(frob);
+\tfrob_fifth(frob);
+\tfrob_unmap_everything_that_was_ever_mapped_by_it(frob, frob->first_entry, frob->last);
 \treturn 0;
"""
MEND = """\
diff --git a/drivers/frob/frob_dmabuf.c b/drivers/frob/frob_dmabuf.c
index 2222222..3333333 100644
--- a/drivers/frob/frob_dmabuf.c
+++ b/drivers/frob/frob_dmabuf.c
@@ -14,3 +14,3 @@ static int frob_probe(struct frob *frob)
 \tfrob_stop(frob);
-\tdma_buf_move_notify(frob->dmabuf);
+\tfrob_tell(frob);
 \tfrob_first(frob);
"""
MOVE = MEND.replace("frob_tell(frob);", "dma_buf_invalidate_mappings(frob->dmabuf);")


def patch_mail(msgid: str, number: int, total: int, diff: str, revision: int = 1) -> bytes:
    """One part of a series of two or so, whose first part is the head of the thread."""
    parent = "" if number == 1 else msgid.replace(f"-{number}@", "-1@")
    subject = f"[PATCH v{revision} {number}/{total}] frob: step {number}"
    return mail(subject, msgid, parent, f"Step.\n---\n\n{diff}-- \n2.52.0\n", minute=revision)


def posting_of(*diffs: str, revision: int = 1) -> Posting:
    """A series of patches with these diffs, `f<revision>-<number>@author.example`."""
    raws = [
        patch_mail(f"f{revision}-{number}@author.example", number, len(diffs), diff, revision)
        for number, diff in enumerate(diffs, 1)
    ]
    (made,) = assemble(map(read_mail, raws))
    return made


def reply(
    body: str,
    parent: str = "f1-1@author.example",
    sender: str = "R E Viewer <reviewer@review.example>",
    msgid: str = "r1@review.example",
    extra: str = "",
) -> bytes:
    return mail("Re: [PATCH 1/1] frob: step 1", msgid, parent, body, 30, sender, extra)


def parsed(raw: bytes) -> Mail:
    return parse_mail(raw)


def finding(
    patch: Patch, line: str = "+\tdma_buf_move_notify(frob->dmabuf);", **changes: object
) -> Finding:
    """A finding on the first line of `patch` that is `line`."""
    row = patch.diff.split("\n").index(line)
    made = Finding(
        rule="resv-lock",
        topic="importer",
        severity=Severity.WARNING,
        confidence=Confidence.HIGH,
        patch=patch.ref,
        file="drivers/frob/frob_dmabuf.c",
        line=row,
        side="new",
        line_text=line,
        diff_line=row,
        symbol="frob_probe",
        message="Please hold the lock.",
        suggestion="",
        references=("drivers/dma-buf/dma-buf.c",),
        fingerprint="",
    )._replace(**changes)  # type: ignore[arg-type]
    if made.fingerprint:
        return made
    key = "\0".join((made.rule, made.file, made.symbol or "", made.line_text))
    return made._replace(fingerprint=hashlib.sha256(key.encode()).hexdigest()[:16])


def review_of(made: Posting, *findings: Finding) -> Review:
    return Review(made, Edition.RENAMED, "it says so", "diff", None, findings, ())
