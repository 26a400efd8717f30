"""The reference of every kind as Markdown, out of the CRDs: what `kubectl explain` says, on one page."""

from collections.abc import Iterator
from typing import Any

import yaml

_LIMITS = ("minimum", "maximum", "minLength", "maxLength", "maxItems", "pattern", "enum")


def reference(crds: list[dict[str, Any]]) -> str:
    """One section per kind: its rules, and every field with type, default, limits and description."""
    return "# Reference\n\n" + "\n".join(_section(crd["spec"]) for crd in crds)


def _section(spec: dict[str, Any]) -> str:
    schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
    names = spec["names"]
    version = f"{spec['group']}/{spec['versions'][0]['name']}"
    lines = [
        f"## {names['kind']}",
        "",
        f"`{version}`, short name `{names['shortNames'][0]}`. {schema['description']}",
        "",
        *[f"- {rule['message']}" for rule in _rules(schema)],
        "",
    ]
    for part in ("spec", "status"):
        if part in schema["properties"]:
            lines += ["| field | type | default | limits | what it is |", "|---|---|---|---|---|"]
            lines += [_row(path, node) for path, node in _fields(part, schema["properties"][part])]
            lines.append("")
    return "\n".join(lines)


def _rules(node: dict[str, Any]) -> Iterator[dict[str, str]]:
    yield from node.get("x-kubernetes-validations", [])
    for child in (*node.get("properties", {}).values(), node.get("items")):
        if isinstance(child, dict):
            yield from _rules(child)


def _fields(path: str, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in _children(path, node):
        if child.get("description"):
            yield name, child
        yield from _fields(name, child)


def _children(path: str, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, child in node.get("properties", {}).items():
        yield f"{path}.{name}", child
    if "properties" in node.get("items", {}):
        yield from _children(f"{path}[]", node["items"])


def _row(path: str, node: dict[str, Any]) -> str:
    kind = node.get("type", "integer or string")
    default = _inline(node["default"]) if "default" in node else ""
    limits = "; ".join(f"{name} {_inline(node[name])}" for name in _LIMITS if name in node)
    return f"| `{path}` | {kind} | {default} | {limits} | {node['description']} |"


def _inline(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n").removesuffix("\n...")
    return "`" + text.replace("|", "\\|") + "`"
