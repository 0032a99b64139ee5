# SPDX-License-Identifier: GPL-2.0-or-later
"""The keys, and the name server that knows them, once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attest.names import serving
from tests.attest.signed import Key, make_ed25519_key, make_key


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return make_key(tmp_path_factory.mktemp("key"), 2048)


@pytest.fixture(scope="session")
def short_key(tmp_path_factory: pytest.TempPathFactory) -> Key:
    return make_key(tmp_path_factory.mktemp("key"), 768)


@pytest.fixture(scope="session")
def ed25519_key() -> Key:
    return make_ed25519_key()


@pytest.fixture(scope="session")
def names(
    tmp_path_factory: pytest.TempPathFactory, key: Key, short_key: Key, ed25519_key: Key
) -> Iterator[str]:
    """ADDRESS:PORT of the name server."""
    records = {
        "good._domainkey.example.org": key.record,
        "good._domainkey.example.net": key.record,
        "short._domainkey.example.org": short_key.record,
        "ed._domainkey.example.org": ed25519_key.record,
        "tests._domainkey.example.org": key.record.replace(b"; p=", b"; t=s:y; p="),
        "revoked._domainkey.example.org": b"v=DKIM1; k=rsa; p=",
        "odd._domainkey.example.org": b"v=DKIM1; k=rsa; p=AAAA",
        "huge._domainkey.example.org": b"v=DKIM1; k=rsa; n=" + b"x" * 5000 + b"; " + key.record[9:],
        "words._domainkey.example.org": b"there is no key here",
    }
    with serving(tmp_path_factory.mktemp("names"), records) as server:
        yield server
