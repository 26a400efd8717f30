"""YAML from anyone: reading it takes time and memory by what it stands for, and that is bounded.

An alias lets a few bytes stand for as much as one likes, and no reader of YAML copes with any depth. Tags are for
programs that make objects, and PyYAML fails in many ways on one that does not fit. A number in base 60, as YAML 1.1 has
them (1:30), takes quadratic time; here it is a string, as in YAML 1.2.
"""

from typing import Any

import yaml

_MOST_DEPTH = 50
_MOST_NODES = 1_000_000
"""Values that a text stands for, each as often as an alias repeats it."""


class _Loader(yaml.CSafeLoader):
    """Makes no numbers of what is in base 60."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> Any:
        """Return a whole number, or what is in base 60 as it is."""
        return node.value if ":" in node.value else super().construct_yaml_int(node)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> Any:
        """Return a number with a fraction, or what is in base 60 as it is."""
        return node.value if ":" in node.value else super().construct_yaml_float(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def load(text: bytes) -> Any:
    """Return what the one document in a text of YAML says. Raises ValueError in one line, with the place."""
    try:
        _check_plain(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - it is the safe one, with less
    except yaml.MarkedYAMLError as error:
        raise ValueError(f"{_place(error.problem_mark)}: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except ArithmeticError as error:  # of a number that no number can hold
        raise ValueError(str(error)) from None
    except RecursionError:  # of merges of merges
        raise ValueError("too deep") from None


def _check_plain(text: bytes) -> None:
    nodes = 0
    sizes: dict[str | None, int] = {}
    opened: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=_Loader):
        match event:
            case yaml.AliasEvent(anchor=anchor):
                if anchor not in sizes:
                    raise _refusal(event, f"*{anchor} stands for itself, or for nothing")
                nodes += sizes[anchor]
            case yaml.ScalarEvent(anchor=anchor):
                nodes += 1
                sizes[anchor] = 1
            case yaml.CollectionStartEvent(anchor=anchor):
                opened.append((anchor, nodes))
                nodes += 1
            case yaml.CollectionEndEvent():
                anchor, before = opened.pop()
                sizes[anchor] = nodes - before
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refusal(event, f"the tag {tag!r}; expected values without tags")
        if len(opened) > _MOST_DEPTH or nodes > _MOST_NODES:
            raise _refusal(event, f"more than {_MOST_DEPTH} levels deep, or more than {_MOST_NODES} values")


def _refusal(event: yaml.Event, why: str) -> ValueError:
    return ValueError(f"{_place(event.start_mark)}: {why}")


def _place(mark: Any) -> str:
    return "somewhere" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"
