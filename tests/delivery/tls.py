# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates for servers on loopback."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

__all__ = ["certificate"]


def certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A certificate for `name`, signed by itself, and a server's context with it.

    The key is `folder/NAME.key`.
    """
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    kind = "IP" if name[0].isdigit() else "DNS"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
        f" -subj /CN={name} -addext subjectAltName={kind}:{name}"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", pem], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return pem, context
