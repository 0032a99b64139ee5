# SPDX-License-Identifier: GPL-2.0-or-later
"""The least value that fits a schema: what a fake forge answers where nobody looks."""

from __future__ import annotations

from typing import Any

__all__ = ["filled", "sample"]

TEXT = {
    "date-time": "2026-03-03T10:00:00Z",
    "uri": "https://forge.example/",
    "email": "a@b.example",
}
PLAIN = {"integer": 1, "number": 1, "boolean": False, "array": []}


def sample(schema: dict[str, Any], whole: dict[str, Any]) -> Any:
    """A value with what `schema`, of the description `whole`, asks for and nothing more."""
    schema = meant(schema, whole)
    if "enum" in schema:
        return schema["enum"][0]
    for key in ("oneOf", "anyOf"):
        if key in schema:
            return sample(schema[key][0], whole)
    if "allOf" in schema:
        parts = [sample(part, whole) for part in schema["allOf"]]
        return {key: value for part in parts for key, value in part.items()}
    if schema.get("nullable"):
        return None
    kind = schema.get("type", "object")
    if kind == "object":
        known = schema.get("properties", {})
        return {name: sample(known.get(name, {}), whole) for name in schema.get("required", ())}
    if kind == "string":
        return TEXT.get(schema.get("format", ""), "x")
    return PLAIN[kind]


def filled(schema: dict[str, Any], whole: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """A sample of `schema` with `values` in it; a value that is a dict fills its own sample."""
    schema = {**meant(schema, whole), "nullable": False}
    for key in ("oneOf", "anyOf"):
        if key in schema:
            schema = {**meant(schema[key][0], whole), "nullable": False}
    made = dict(sample(schema, whole))
    for name, value in values.items():
        part = schema.get("properties", {}).get(name, {})
        if isinstance(value, dict) and meant(part, whole).get("type") == "object":
            made[name] = filled(part, whole, value)
        else:
            made[name] = value
    return made


def meant(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """`schema`, or what it refers to."""
    if "$ref" not in schema:
        return schema
    found: Any = whole
    for name in schema["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return meant(found, whole)
