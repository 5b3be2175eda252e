"""A section of settings as nested plain data, whatever the format of its file."""

from __future__ import annotations

from collections.abc import Mapping

from ....errors import Conflict
from ...configuration import KeyPath

Tree = dict[str, object]


def flatten(tree: Mapping[str, object], above: KeyPath = ()) -> dict[KeyPath, object]:
    """Key paths -> values; an empty mapping is a value."""
    found: dict[KeyPath, object] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            found.update(flatten(value, (*above, str(key))))
        else:
            found[(*above, str(key))] = value
    return found


def grow(values: Mapping[KeyPath, object]) -> Tree:
    """The nested form of key paths -> values; keys of one group come together."""
    tree: Tree = {}
    for keys, value in values.items():
        at = tree
        for key in keys[:-1]:
            inner = at.setdefault(key, {})
            assert isinstance(inner, dict)
            at = inner
        at[keys[-1]] = value
    return tree


def at(tree: object, keys: KeyPath) -> object:
    """What stands under `keys`; None where there is nothing."""
    for key in keys:
        if not isinstance(tree, Mapping) or key not in tree:
            return None
        tree = tree[key]
    return tree


def same_values(before: object, after: object) -> bool:
    """Whether two values are the same, their types too (1 is not 1.0, True is not 1); nan is nan."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(same_values(before[key], after[key]) for key in before)
    if isinstance(before, list | tuple) and isinstance(after, list | tuple):
        return len(before) == len(after) and all(map(same_values, before, after))
    return type(before) is type(after) and (before == after or str(before) == str(after) == "nan")


def present(tree: Mapping[str, object]) -> Tree:
    """A copy without the keys whose value is None, for formats that can't say it."""
    return {
        key: present(value) if isinstance(value, Mapping) else value for key, value in tree.items() if value is not None
    }


def without(tree: Mapping[str, object], keys: KeyPath) -> Tree:
    """A copy in which `keys` and what stands under them is missing."""
    copy = dict(tree)
    if len(keys) == 1:
        copy.pop(keys[0], None)
    else:
        inner = copy.get(keys[0])
        copy[keys[0]] = without(inner, keys[1:]) if isinstance(inner, Mapping) else inner
    return copy


def confirm(before: Mapping[str, object], after: Mapping[str, object], keys: KeyPath, tree: object, path: str) -> None:
    """Raise unless `after` is `before` with `tree` under `keys` and nothing else changed.

    Raises:
        Conflict: it is not: the file can't be added to in its present form.
    """
    new = next((length for length in range(1, len(keys) + 1) if at(before, keys[:length]) is None), len(keys))
    if not same_values(before, without(after, keys[:new])) or not same_values(tree, at(after, keys)):
        raise Conflict(
            f"{path} can't take {'.'.join(keys)}: what it holds would change",
            place=path,
            hint="write the file in a plainer form: one block, no key twice",
        )
