# SPDX-License-Identifier: GPL-2.0-or-later
"""Drafts that mutt and `git send-email` are given leave as they were written, to whom they name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import pytest

from bot.delivery import deliver
from bot.outgoing import Envelope, Result
from bot.sources.mbox import read_file
from tests.conftest import ROOT
from tests.delivery.conftest import SETTINGS, Configure
from tests.delivery.programs import Arrived, Office, git_send_email, mutt, opened, split, told

pytestmark = pytest.mark.integration

EXAMPLE = str(ROOT / "examples/revocable-helper.mbox")
RECIPIENTS = (
    "author@example.org", "thor@example.org", "list@example.org", "reviewer@example.org"
)  # fmt: skip
RAW = """\
From: revokebot <revokebot@example.org>
To: =?utf-8?q?J=C3=B6rg_Th=C3=B6r?= <author@example.org>,
 "Thor, A U" <thor@example.org>
Cc: list@example.org,
 Re Viewer <reviewer@example.org>
Subject: Re: [PATCH v2 1/3] drm/toy: let importers of the buffers of this toy
 know when they are taken =?utf-8?q?away_gr=C3=BC=C3=9Fe?=
In-Reply-To: <a@example.org>
References: <cover@example.org>
 <a@example.org>
Auto-Submitted: auto-replied
X-Patchwork-Hint: ignore
X-Revokebot-Rules: resv-lock, helper-wording
X-Revokebot-Version: 0.1.0
Date: Mon, 02 Nov 2026 10:00:00 +0000
Message-ID: <revokebot-1@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

On Mon, 2 Nov 2026, J\u00f6rg Th\u00f6r wrote:
> -- 
> Signed-off-by: A U Thor <signer@example.net>
> ---
> From the start
> +	toy_first(x);  \t
>  	.dot
.one dot
..two
From here on: gr\u00fc\u00dfe  
>From there
Cc: Stranger <stranger@example.net>
Reviewed-by: Stranger <stranger@example.net>
Reported-by: revokebot <revokebot@example.org>
=46rom a line that stays as it is, and is longer than quoted-printable may have its lines
---
--- a/toy.c
+++ b/toy.c
@@ -1 +1 @@
-	toy(a);
+	toy(b);

-- 
revokebot
""".encode()
ENVELOPE = Envelope("revokebot-1@example.org", "revokebot@example.org", RECIPIENTS, RAW)
OTHER = ENVELOPE._replace(
    msgid="revokebot-2@example.org",
    raw=RAW.replace(b"revokebot-1@", b"revokebot-2@").replace(b"<a@", b"<b@"),
)
KEPT = (
    "From", "To", "Cc", "Subject", "In-Reply-To", "References", "Message-ID", "Auto-Submitted",
    "X-Patchwork-Hint", "X-Revokebot-Rules", "X-Revokebot-Version", "MIME-Version",
)  # fmt: skip
OWN = {
    "date", "x-mailer", "user-agent",
    "content-type", "content-disposition", "content-transfer-encoding",
}  # fmt: skip
"""What a program writes anew."""


@pytest.fixture
def office(configure: Configure) -> Iterator[Office]:
    """Where git sends, for a person whose own settings would add people."""
    with opened() as (office, port):
        configure(
            smtpserver="127.0.0.1", smtpserverport=port, smtpdomain="localhost",
            to="stranger@example.net", cc="stranger@example.net", bcc="stranger@example.net",
            tocmd="echo stranger@example.net #", cccmd="echo stranger@example.net #",
            signedoffbycc="true", chainreplyto="true",
        )  # fmt: skip
        yield office


def parsed(raw: bytes) -> EmailMessage:
    mail = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(raw)
    assert not mail.defects
    return mail


def said(mail: EmailMessage) -> dict[str, str]:
    """What a reader gets, as far as it must not change."""
    fields = {name: " ".join(" ".join(mail.get_all(name, [])).split()) for name in KEPT}
    return {**fields, "text": mail.get_content().rstrip("\n")}


def check(arrived: Arrived, draft: bytes) -> None:
    """`arrived` is `draft`, and went to those whom it names."""
    got, written = parsed(arrived.raw), parsed(draft)
    assert said(got) == said(written)
    assert set(map(str.lower, got)) - OWN <= set(map(str.lower, written))
    addresses = (*written["To"].addresses, *written["Cc"].addresses)
    assert sorted(arrived.recipients) == sorted(address.addr_spec for address in addresses)


def put(tmp_path: Path, via: str, *envelopes: Envelope) -> Path:
    """Deliver drafts; return the Maildir or mbox."""
    settings = SETTINGS._replace(via=via, path=tmp_path / "drafts")
    for envelope in envelopes:
        assert deliver(envelope, settings).result is Result.SENT
    return tmp_path / "drafts"


def run(tmp_path: Path, *words: str) -> None:
    """Run a revokebot with an outbox and an address of its own."""
    variables = {
        "REVOKEBOT_REPLY_ADDRESS": "revokebot@example.org",
        "REVOKEBOT_REPLY_OPERATOR": "A U Thor <author@example.org>",
        "REVOKEBOT_STORE_URL": f"sqlite:///{tmp_path}/outbox.db",
    }
    command = [sys.executable, "-m", "bot", *words]
    subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, check=True)


def test_git_sends_the_drafts_of_a_maildir(office: Office, tmp_path: Path) -> None:
    box = put(tmp_path, "maildir", ENVELOPE, OTHER)
    git_send_email([*(box / "cur").iterdir()], tmp_path)
    by_id = {parsed(arrived.raw)["Message-ID"]: arrived for arrived in office.mails}
    check(by_id["<revokebot-1@example.org>"], RAW)
    check(by_id["<revokebot-2@example.org>"], OTHER.raw)
    assert len(office.mails) == 2


def test_git_sends_the_draft_of_an_mbox(office: Office, tmp_path: Path) -> None:
    git_send_email([put(tmp_path, "mbox", ENVELOPE)], tmp_path)
    (arrived,) = office.mails
    check(arrived, RAW)


def test_git_sends_an_mbox_that_was_split(office: Office, tmp_path: Path) -> None:
    box = put(tmp_path, "mbox", ENVELOPE, OTHER)
    git_send_email(split(box, tmp_path / "split"), tmp_path)
    first, second = office.mails
    check(first, RAW)
    check(second, OTHER.raw)


def test_git_sends_what_reply_and_export_write(office: Office, tmp_path: Path) -> None:
    all_, one = tmp_path / "all.mbox", tmp_path / "one.mbox"
    run(tmp_path, "reply", EXAMPLE, "--to-mbox", str(all_))
    run(tmp_path, "reply", EXAMPLE, "--draft")
    run(tmp_path, "queue", "export", "2", "--to-mbox", str(one))
    written = [raw.partition(b"\n")[2] for path in (all_, one) for raw in read_file(path)]
    git_send_email([*split(all_, tmp_path / "split"), one], tmp_path)
    assert len(office.mails) == len(written) == 3
    for arrived, raw in zip(office.mails, written, strict=True):
        check(arrived, raw)


@pytest.mark.parametrize("via", ["maildir", "mbox"])
def test_mutt_recalls_a_draft(configure: Configure, tmp_path: Path, via: str) -> None:
    box = put(tmp_path, via, ENVELOPE)
    recall = told("mutt -e", BOX=box)
    check(mutt(recall, [("y:Send", "y")], tmp_path), RAW)
    left = [path for path in (box, *box.glob("cur/*")) if path.is_file() and path.stat().st_size]
    assert left == []


def test_mutt_recalls_one_of_several(configure: Configure, tmp_path: Path) -> None:
    box = put(tmp_path, "mbox", ENVELOPE, OTHER)
    recall = told("mutt -e", BOX=box)
    check(mutt(recall, [("Postponed Messages", "\r"), ("y:Send", "y")], tmp_path), RAW)
    (left,) = read_file(box)
    assert said(parsed(left.partition(b"\n")[2])) == said(parsed(OTHER.raw))


def test_mutt_sends_a_file(configure: Configure, tmp_path: Path) -> None:
    box = put(tmp_path, "mbox", ENVELOPE)
    keys = [("To:", "\r"), ("Subject:", "\r"), ("y:Send", "y")]
    check(mutt(told("mutt -H", FILE=box), keys, tmp_path), RAW)
