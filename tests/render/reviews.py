# SPDX-License-Identifier: GPL-2.0-or-later
"""A series of our own making, and reviews of it written by hand: no rule is run here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from bot.model import Address, Mail, Posting, Review
from bot.settings import ReplySettings
from checks.api import Confidence, Edition, Finding, Patch, Problem, Series, Severity

__all__ = ["MASK", "NOW", "SETTINGS", "finding", "mail_of", "posting", "review", "review_of"]

NOW = datetime(2026, 2, 3, 12, 30, 5, tzinfo=UTC)
MASK = "https://lore.kernel.org/r/%s"
SETTINGS = ReplySettings("revokebot", "revokebot@bots.example.org", "the example team")

COVER = "20260202-lease-v2-0@example.org"
FIRST = "20260202-lease-v2-1@example.org"
SECOND = "20260202-lease-v2-2@example.org"

HEADER_DIFF = """\
diff --git a/include/linux/dma-buf.h b/include/linux/dma-buf.h
index 2f6a1b0c3d4e..7a8b9c0d1e2f 100644
--- a/include/linux/dma-buf.h
+++ b/include/linux/dma-buf.h
@@ -601,4 +601,22 @@ static inline bool dma_buf_is_lent(struct dma_buf *dmabuf)
 \treturn dmabuf->lent;
 }
 
+/**
+ * dma_buf_lease_ends - tell whether the borrower of a buffer gives it back
+ * @attach: the attachment to ask about
+ *
+ * Only what the borrower's driver has signed up to counts.
+ */
+static inline bool dma_buf_lease_ends(struct dma_buf_attachment *attach)
+{
+\tstruct dma_buf *dmabuf = attach->dmabuf;
+
+\tif (!dma_buf_is_lent(dmabuf))
+\t\treturn false;
+
+\treturn attach->importer_ops->invalidate_mappings;
+}
+
+#define DMA_BUF_LEASE_MAX\t16
+
 struct dma_buf *dma_buf_lend(struct file *file);
"""

SOURCE_DIFF = """\
diff --git a/drivers/dma-buf/dma-buf.c b/drivers/dma-buf/dma-buf.c
index 1111111..2222222 100644
--- a/drivers/dma-buf/dma-buf.c
+++ b/drivers/dma-buf/dma-buf.c
@@ -12,3 +12,4 @@ void dma_buf_lend_end(struct dma_buf *dmabuf)
 \tfirst();
-\tsecond();
+\tsecond(dmabuf);
+\tthird();
 \tfourth();
@@ -80,4 +81,5 @@ int dma_buf_lend_count(void)
 \treturn count;
 }
-/* no export */
+
+EXPORT_SYMBOL_GPL(dma_buf_lend_count);
 /* end */
"""


def mail_of(patch: Patch, **changes: object) -> Mail:
    """The mail that carried `patch`."""
    mail = Mail(
        msgid=patch.msgid,
        subject=patch.subject,
        author=Address("Pätch Author", "author@example.org"),
        sender=Address("Pätch Author", "author@example.org"),
        date=datetime(2026, 2, 2, 9, 8, 7, tzinfo=timezone(timedelta(hours=1))),
        to=(Address("", "dma-buf@lists.example.org"),),
        cc=(Address("Maintainer, The", "maintainer@example.org"),),
        reply_to=(),
        in_reply_to=COVER,
        references=(COVER,),
        list_id="",
        auto_submitted="",
        text=f"{patch.message}\n---\n{patch.diff}",
    )
    return mail._replace(**changes)  # type: ignore[arg-type]


def posting(*patches: Patch) -> Posting:
    """A series of two patches, or of `patches`, with its mails."""
    if not patches:
        patches = (
            Patch(1, FIRST, "[PATCH v2 1/2] dma-buf: lend buffers", "Lend.", HEADER_DIFF),
            Patch(2, SECOND, "[PATCH v2 2/2] dma-buf: count what is lent", "Count.", SOURCE_DIFF),
        )
    cover = Patch(0, COVER, "[PATCH v2 0/2] dma-buf: lending", "", "")
    mails = {patch.msgid: mail_of(patch) for patch in patches}
    mails[COVER] = mail_of(cover, in_reply_to="", references=())
    series = Series(COVER, cover.subject, 2, patches, len(patches))
    return Posting(series, mails, mails[COVER])


def finding(patch: Patch, text: str, **changes: object) -> Finding:
    """A finding on the first line of `patch` that is `text`, sign included."""
    row = patch.diff.split("\n").index(text)
    made = Finding(
        rule="null-importer-ops",
        topic="helper",
        severity=Severity.ERROR,
        confidence=Confidence.HIGH,
        patch=patch.ref,
        file="include/linux/dma-buf.h",
        line=617,
        side="new",
        line_text=text,
        diff_line=row,
        symbol="dma_buf_lease_ends",
        message="importer_ops is NULL for importers that use dma_buf_attach(); please test it "
        "before looking into it.",
        suggestion="",
        references=("20260101-lending@example.org", "drivers/dma-buf/dma-buf.c"),
        fingerprint=f"{row:016x}",
    )
    return made._replace(**changes)  # type: ignore[arg-type]


def review_of(made: Posting, *findings: Finding, errors: tuple[Problem, ...] = ()) -> Review:
    """A review of `made` with these findings."""
    reason = "the context of the series has invalidate_mappings"
    return Review(made, Edition.RENAMED, reason, "diff", None, findings, errors)


def review() -> Review:
    """Remarks of several kinds on both patches, one of low confidence, and one problem."""
    made = posting()
    first, second = made.series.patches
    returned = "+\treturn attach->importer_ops->invalidate_mappings;"
    return review_of(
        made,
        finding(first, "+ * Only what the borrower's driver has signed up to counts.",
                rule="helper-wording", severity=Severity.NOTE, confidence=Confidence.MEDIUM,
                message="Please say what true promises.", line=608),
        finding(first, returned),
        finding(first, returned, rule="callback-test", severity=Severity.WARNING,
                message="Please do not take a missing callback as the signal for this.",
                suggestion="+\treturn attach->importer_ops &&\n+\t       !dma_buf_keeps(attach);\n",
                fingerprint="c0ffee"),
        finding(first, "+#define DMA_BUF_LEASE_MAX\t16", rule="made-up-rule", confidence=Confidence.LOW,
                message="A guess that must not be mailed.", line=621),
        finding(second, "+EXPORT_SYMBOL_GPL(dma_buf_lend_count);", rule="core-namespace",
                severity=Severity.WARNING, file="drivers/dma-buf/dma-buf.c", line=84,
                symbol="dma_buf_lend_count",
                message="Symbols of the dma-buf core are exported into its namespace."),
        errors=(Problem("missing-patch", COVER, "part 3 of 3 is not here; fetch the whole thread"),),
    )  # fmt: skip
