# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine formats as their readers see them: valid by the published schema, then read back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree

from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from xmlschema import XMLSchema10

__all__ = ["FORMATS", "Read", "cases", "read"]

SCHEMAS = Path(__file__).resolve().parent.parent / "data/schemas"


class Read(NamedTuple):
    """One finding, as a reader of the document has it."""

    rule: str
    path: str
    line: int
    severity: str
    """`error`, `warning` or `note`."""
    words: str
    mark: str = ""
    """What tells it from all others, where the format has that."""


def read(name: str, text: str) -> list[Read]:
    """The findings of a document of format `name`, after it was held against the schema."""
    return FORMATS[name](text)


@cache
def _schema(name: str) -> Validator:
    schema = json.loads((SCHEMAS / name).read_text())
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


@cache
def _xsd() -> XMLSchema10:
    return XMLSchema10(str(SCHEMAS / "junit-10.xsd"))


def _valid(name: str, text: str) -> Any:
    """The document, strictly read: it is all of `text`, and no key is there twice."""
    assert text.isascii()
    document = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    _schema(name).validate(document)
    json.dumps(document, ensure_ascii=False).encode()  # no lone surrogate is in it
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    assert len(made) == len(pairs)
    return made


def _refuse(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def _sarif(text: str) -> list[Read]:
    (run,) = _valid("sarif-2.1.0-rtm.5.json", text)["runs"]
    rules = run["tool"]["driver"]["rules"]
    found = []
    for result in run["results"]:
        if "ruleIndex" in result:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
        uri = place["artifactLocation"]["uri"]
        parts = urlsplit(uri)
        assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
        assert parts.path == uri
        assert uri.isascii()
        assert not uri.startswith("/")
        (mark,) = result["partialFingerprints"].values()
        found.append(Read(
            result["ruleId"], unquote(uri, errors="surrogateescape"), place["region"]["startLine"],
            result["level"], result["message"]["text"], mark,
        ))  # fmt: skip
    return found


def _diagnostic(one: dict[str, Any]) -> Read:
    severity = {"ERROR": "error", "WARNING": "warning", "INFO": "note"}[one["severity"]]
    place = one["location"]
    line = place["range"]["start"]["line"]
    return Read(one["code"]["value"], place["path"], line, severity, one["message"])


def _rdjson(text: str) -> list[Read]:
    document = _valid("rdformat.json", text)
    assert document["source"]["name"] == "revokebot"
    return [_diagnostic(one) for one in document["diagnostics"]]


def _rdjsonl(text: str) -> list[Read]:
    found = [_valid("rdformat.json", line) for line in text.split("\n")[:-1]]
    assert text == "" or text.endswith("\n")
    assert {one["source"]["name"] for one in found} <= {"revokebot"}
    return [_diagnostic(one) for one in found]


def _codequality(text: str) -> list[Read]:
    severities = {"major": "error", "minor": "warning", "info": "note"}
    return [
        Read(one["check_name"], one["location"]["path"], one["location"]["lines"]["begin"],
             severities[one["severity"]], one["description"], one["fingerprint"])
        for one in _valid("codequality.json", text)
    ]  # fmt: skip


def _junit(text: str) -> list[Read]:
    found = []
    for suite in cases(text):
        for case in suite.iter("testcase"):
            for failure in case.iter("failure"):
                name = case.attrib["name"]
                place = re.fullmatch(r"(.*):([0-9]+)(?: \([0-9]+\))?", name, re.DOTALL)
                assert place is not None
                found.append(Read(
                    case.attrib["classname"], place[1], int(place[2]), failure.attrib["type"],
                    failure.text or "", name,
                ))  # fmt: skip
    return found


def cases(text: str) -> list[ElementTree.Element]:
    """The suites of a JUnit report, after it was held against the schema; their sums are right."""
    _xsd().validate(text)
    suites = ElementTree.fromstring(text).findall("testsuite")
    for suite in suites:
        names = [(case.attrib["classname"], case.attrib["name"]) for case in suite.iter("testcase")]
        assert len(names) == int(suite.attrib["tests"])
        for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[key]) == len(list(suite.iter(tag)))
    return suites


FORMATS: dict[str, Callable[[str], list[Read]]] = {
    "sarif": _sarif,
    "rdjson": _rdjson,
    "rdjsonl": _rdjsonl,
    "junit": _junit,
    "codequality": _codequality,
}
"""By name of the format, what reads a document and holds it against the schema."""
