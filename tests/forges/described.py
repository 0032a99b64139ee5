# SPDX-License-Identifier: GPL-2.0-or-later
"""Holds requests, and the answers of our own servers, against an OpenAPI description.

Stricter than a real server: a query parameter, or a key of a body, that the
description does not name is wrong, since nobody would ever notice a typo.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import yaml
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from tests.forges.sample import filled, meant

__all__ = ["Answer", "Asked", "Described"]


class Asked(NamedTuple):
    """A request as it came."""

    method: str
    target: str
    """Path and query, as on the wire."""
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """As on the wire, without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


class Answer(NamedTuple):
    """What goes back."""

    status: int
    json: Any = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never changed
    raw: bytes | None = None
    """The body, where it is not JSON."""

    @property
    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.status == 204 else json.dumps(self.json).encode()


class _Request:
    """`Asked`, as openapi-core wants it."""

    def __init__(self, asked: Asked) -> None:
        self.host_url = "http://localhost"
        self.path = asked.path
        self.method = asked.method.lower()
        self.content_type = asked.headers.get("Content-Type", "")
        self.body = asked.body or None
        self.parameters = RequestParameters(
            query=ImmutableMultiDict(asked.query), header=Headers(asked.headers), cookie={}
        )


class _Response:
    """`Answer`, as openapi-core wants it."""

    def __init__(self, answer: Answer) -> None:
        self.data = answer.body or None
        self.status_code = answer.status
        self.content_type = "application/json"
        self.headers = answer.headers


class Described:
    """The description in `path`, JSON or YAML.

    Parameters
    ----------
    nullable: schema and property that the vendor gives as null, whatever the description says
    """

    def __init__(self, path: Path, nullable: Sequence[tuple[str, str]] = ()) -> None:
        self.raw: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
        for schema, name in nullable:
            self.raw["components"]["schemas"][schema]["properties"][name]["nullable"] = True
        self._openapi = OpenAPI.from_dict(self.raw)
        self._base = self.raw.get("servers", [{"url": ""}])[0]["url"].rstrip("/")

    def wrong_request(self, asked: Asked) -> Iterator[str]:
        """What is wrong with a request; nothing for a right one."""
        operation, item = self._operation(asked)
        if operation is None:
            yield f"{asked.method} {asked.path}: no such operation"
            return
        try:
            self._openapi.validate_request(_Request(asked))
        except OpenAPIError as err:
            yield f"{asked.method} {asked.target}: {_words(err)}"
        parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
        known = {
            self._meant(one)["name"] for one in parameters if self._meant(one)["in"] == "query"
        }
        for name in asked.query.keys() - known:
            yield f"{asked.method} {asked.path}: no query parameter {name!r}"
        content = self._meant(operation.get("requestBody", {})).get("content", {})
        if asked.body and not content:
            yield f"{asked.method} {asked.path}: takes no body"
        elif asked.body:
            schema = content.get("application/json", {}).get("schema", {})
            yield from self._unknown(asked.json, schema, asked.path)

    def wrong_answer(self, asked: Asked, answer: Answer) -> Iterator[str]:
        """What is wrong with an answer of ours; descriptions do not name every error."""
        operation, _ = self._operation(asked)
        if answer.status >= 400 and str(answer.status) not in (operation or {})["responses"]:
            return
        try:
            self._openapi.validate_response(_Request(asked), _Response(answer))
        except OpenAPIError as err:
            yield f"our answer {answer.status} to {asked.method} {asked.path}: {_words(err)}"

    def _operation(self, asked: Asked) -> tuple[dict[str, Any] | None, dict[str, Any]]:
        for template, item in self.raw["paths"].items():
            shape = "[^/]+".join(map(re.escape, re.split(r"\{\w+\}", self._base + template)))
            if re.fullmatch(shape, asked.path) and asked.method.lower() in item:
                return item[asked.method.lower()], item
        return None, {}

    def made(self, name: str, **values: Any) -> dict[str, Any]:
        """An object as the schema `name` of the description wants it, with `values` in it."""
        return filled(self.raw["components"]["schemas"][name], self.raw, values)

    def _meant(self, node: dict[str, Any]) -> dict[str, Any]:
        """`node`, or what it refers to."""
        return meant(node, self.raw)

    def _unknown(self, value: Any, schema: dict[str, Any], where: str) -> Iterator[str]:
        """Keys of `value` that nothing in its schema names."""
        schema = self._meant(schema)
        if isinstance(value, list):
            for item in value:
                yield from self._unknown(item, schema.get("items", {}), where)
        if not isinstance(value, dict):
            return
        named = dict(schema.get("properties", {}))
        for other in (*schema.get("allOf", ()), *schema.get("anyOf", ()), *schema.get("oneOf", ())):
            named |= self._meant(other).get("properties", {})
        for key, item in value.items():
            if key not in named:
                yield f"{where}: no key {key!r} in the body"
            else:
                yield from self._unknown(item, named[key], f"{where} {key}")


def _words(err: BaseException) -> str:
    """All that openapi-core says, which it spreads over causes."""
    cause = err.__cause__
    more = getattr(cause, "schema_errors", None) or ([cause] if cause else [])
    return "; ".join([str(err), *(str(one).partition("\n\nOn")[0] for one in more)])
