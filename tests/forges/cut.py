# SPDX-License-Identifier: GPL-2.0-or-later
"""Cuts an OpenAPI description down to the operations in use: `python -m tests.forges.cut FILE`.

FILE is `package/generated/api.github.com.json` of the npm package
@octokit/openapi.  What is left is verbatim but for descriptions and examples;
tests/data/openapi/README.md says of which version.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OUT = Path(__file__).resolve().parent.parent / "data/openapi/github.json"
OPERATIONS = {
    "/user": ("get",),
    "/repos/{owner}/{repo}/commits/{commit_sha}/pulls": ("get",),
    "/repos/{owner}/{repo}/pulls/{pull_number}": ("get",),
    "/repos/{owner}/{repo}/issues/{issue_number}/comments": ("get", "post"),
    "/repos/{owner}/{repo}/issues/comments/{comment_id}": ("patch", "delete"),
    "/repos/{owner}/{repo}/pulls/{pull_number}/comments": ("get", "post"),
    "/repos/{owner}/{repo}/pulls/comments/{comment_id}": ("patch", "delete"),
}
LEFT_OUT = (
    "description",
    "example",
    "examples",
    "externalDocs",
    "x-octokit",
    "x-github",
    "summary",
)
"""Keys of the description that validate nothing; under `properties` they are names like others."""


def main() -> None:
    """Write the description that is left."""
    whole = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    paths = {
        path: {
            **{key: item for key, item in whole["paths"][path].items() if key == "parameters"},
            **{method: whole["paths"][path][method] for method in methods},
        }
        for path, methods in OPERATIONS.items()
    }
    paths = plain(paths)
    cut = {
        "openapi": whole["openapi"],
        "info": {key: whole["info"][key] for key in ("title", "version", "license")},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {},
    }
    for reference in sorted(needed(paths, whole)):
        *folders, name = reference.removeprefix("#/").split("/")
        place = cut
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = plain(at(whole, reference))
    OUT.write_text(json.dumps(cut, separators=(",", ":"), sort_keys=True) + "\n", "utf-8")


def plain(node: Any, names: bool = False) -> Any:
    """`node` without what validates nothing.

    Parameters
    ----------
    names: whether the keys of `node` are names of the API's own
    """
    if isinstance(node, dict):
        cut = {
            key: plain(value, not names and key in ("properties", "responses", "schemas"))
            for key, value in node.items()
            if names or key not in LEFT_OUT
        }
        # An answer has to have one.
        return cut | ({"description": ""} if "description" in node and not names else {})
    return [plain(value) for value in node] if isinstance(node, list) else node


def at(whole: Any, reference: str) -> Any:
    """What a `$ref` means."""
    for name in reference.removeprefix("#/").split("/"):
        whole = whole[name]
    return whole


def needed(node: Any, whole: Any) -> set[str]:
    """All references of `node`, and of what they lead to."""
    found: set[str] = set()
    todo = list(references(node))
    while todo:
        reference = todo.pop()
        if reference not in found:
            found.add(reference)
            todo += references(at(whole, reference))
    return found


def references(node: Any) -> Iterator[str]:
    """The references that stand in `node` itself."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


if __name__ == "__main__":
    main()
