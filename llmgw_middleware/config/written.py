"""A tree as YAML text that reads back as the same tree."""

from __future__ import annotations

import yaml

from llmgw_middleware.config.tree import Items, Scalar, Table, Tree, core_value

_CORE = "tag:yaml.org,2002:"
_WIDTH = 110


def text_of_tree(tree: Tree) -> str:
    """Return ``tree`` in YAML. What came from outside is written as its reference, such as ``${OPENAI_SECRET}``."""
    written: str = yaml.serialize(_node(tree), Dumper=yaml.SafeDumper, width=_WIDTH, allow_unicode=True)
    return written


def _node(tree: Tree) -> yaml.Node:
    match tree:
        case Table():
            pairs = [(_text(key), _node(value)) for key, value in tree.items()]
            return yaml.MappingNode(f"{_CORE}map", pairs, flow_style=False)
        case Items():
            return yaml.SequenceNode(f"{_CORE}seq", [_node(item) for item in tree], flow_style=False)
        case Scalar():
            return _scalar(tree)


def _scalar(scalar: Scalar) -> yaml.ScalarNode:
    if scalar.loose or scalar.source != scalar.text:
        return _text(scalar.source)
    if isinstance(scalar.value, str):
        # A plain ${ would be taken for a reference.
        return _text(scalar.text.replace("${", "$${"))
    return yaml.ScalarNode(f"{_CORE}{_KINDS.get(type(scalar.value), 'null')}", scalar.text)


def _text(text: str) -> yaml.ScalarNode:
    """Return a text's node: in quotes where plain it would read as something else by YAML 1.2 or 1.1."""
    return yaml.ScalarNode(f"{_CORE}str", text, style=None if core_value(text) == text else '"')


_KINDS = {bool: "bool", int: "int", float: "float"}
