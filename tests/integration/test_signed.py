# SPDX-License-Identifier: GPL-2.0-or-later
"""A signature survives the archive, b4 and our own reading of it: the bytes are those of the mail.

Signed mails go into a real public-inbox and come back through the archive's
child; a real name server has the key.
"""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bot.sources.mbox import read_file
from tests.attest.names import serving
from tests.attest.signed import make_key, sign
from tests.conftest import ROOT
from tests.integration.conftest import Inbox

pytestmark = pytest.mark.integration

EXAMPLE = ROOT / "examples/revocable-helper.mbox"
COVER = "20260203-can-revoke-v1-0-2f7c1d@example.org"


@pytest.mark.parametrize("canon", ["simple/simple", "relaxed/relaxed"])
def test_what_the_author_signed_is_what_is_looked_at(
    canon: str, own_inbox: Inbox, tmp_path: Path
) -> None:
    key = make_key(tmp_path)
    date = f"Date: {format_datetime(datetime.now(UTC) - timedelta(days=1))}".encode()
    # `From ` at the start of a line and blank lines at the end are what mboxes spoil.
    odd = b"From here on it is text.\n>From there on, too.  \n\n\n"
    own_inbox.add(
        sign(re.sub(rb"(?m)^Date: .*$", date, raw, count=1) + odd, key, c=canon)
        for raw in read_file(EXAMPLE)
    )
    with serving(tmp_path, {"good._domainkey.example.org": key.record}) as names:
        variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "REVOKEBOT_ARCHIVE_URL": own_inbox.url,
            "REVOKEBOT_REPLY_ADDRESS": "bot@example.org",
            "REVOKEBOT_STORE_URL": f"sqlite:///{tmp_path}/outbox.db",
            "REVOKEBOT_DKIM_RESOLVERS": names,
        }
        for words in (f"reply {COVER} --draft", "queue show 1"):
            done = subprocess.run(
                [sys.executable, "-m", "bot", *words.split()],
                env=variables, cwd=ROOT, capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
        assert "\nsignature:  pass (example.org)\n" in done.stdout
