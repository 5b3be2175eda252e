"""The config classes of the trainers that exist: which one each has, of what kind, with which fields."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...configuration import KeyPath
from ...joining import Sibling
from ..syntax.python_text import literal
from .names import core, pattern_of
from .project import Project, trainer_named
from .reads import CONFIG_NAMES

CONFIG_CLASS = re.compile(
    r"(Config|Configuration|Cfg|Conf|Settings|Args|Arguments|Params|Parameters|Options|HParams)\Z"
)


@dataclass(frozen=True)
class ConfigClass:
    """A sibling's config class.

    Attributes:
        sibling: whose.
        path, node: the file that defines it, and its definition.
        construct: source text of the call that makes it (``WineConfig.from_ini()``); "" where none was seen.
        maker: the file of that call.
    """

    sibling: Sibling
    path: str
    node: ast.ClassDef
    construct: str = ""
    maker: str = ""


@dataclass(frozen=True)
class ClassField:
    """One field: where its value stands, None for a field without one."""

    keys: KeyPath
    value: ast.expr | None
    own: bool
    group: str = ""
    annotation: str = ""


def config_classes(project: Project, siblings: Sequence[Sibling]) -> list[ConfigClass]:
    """The config class of each sibling that has one."""
    found: list[ConfigClass] = []
    for sibling in siblings:
        source = project.source(sibling.file)
        node = trainer_named(source, sibling.name) if source is not None else None
        if node is None:
            continue
        named = _named_in(node)
        candidates = [
            known
            for name in named
            if (known := project.class_of(name, sibling.file)) is not None
            and known[1] is not node
            and (CONFIG_CLASS.search(known[1].name) or _is_handed_over(node, name))
        ]
        mine = [each for each in candidates if pattern_of(each[1].name, sibling)]
        chosen = next(iter(mine or candidates), None) or _by_name(project, sibling)
        if chosen is not None:
            construct, maker = _construct(project, chosen[1].name, sibling)
            found.append(ConfigClass(sibling, chosen[0], chosen[1], construct, maker))
    return found


def _named_in(node: ast.ClassDef | ast.FunctionDef) -> list[str]:
    """Names that annotate, are called or parametrise the base, in order."""
    names: list[str] = []
    for each in ast.walk(node):
        expressions: list[ast.expr | None] = []
        if isinstance(each, ast.arg):
            expressions = [each.annotation]
        elif isinstance(each, ast.AnnAssign):
            expressions = [each.annotation, each.value]
        elif isinstance(each, ast.Assign):
            expressions = [each.value]
        elif isinstance(each, ast.Call):
            expressions = [each.func, *each.args]
        elif isinstance(each, ast.ClassDef):
            expressions = [base.slice for base in each.bases if isinstance(base, ast.Subscript)]
        for expression in expressions:
            if (
                isinstance(expression, ast.Constant)
                and isinstance(expression.value, str)
                and expression.value.isidentifier()
            ):
                names.append(expression.value)
            elif expression is not None:
                for part in ast.walk(expression):
                    if isinstance(part, ast.Name):
                        names.append(part.id)
                    elif isinstance(part, ast.Attribute):
                        names.append(ast.unparse(part))
    return list(dict.fromkeys(names))


def _is_handed_over(node: ast.ClassDef | ast.FunctionDef, name: str) -> bool:
    return any(
        isinstance(each, ast.arg)
        and each.arg in CONFIG_NAMES
        and each.annotation is not None
        and ast.unparse(each.annotation).strip("'\"") == name
        for each in ast.walk(node)
    )


def _by_name(project: Project, sibling: Sibling) -> tuple[str, ast.ClassDef] | None:
    """A config class that is called after a sibling which does not name it."""
    for source in project.python():
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef) and CONFIG_CLASS.search(node.name) and pattern_of(node.name, sibling):
                return source.path, node
    return None


def _construct(project: Project, name: str, sibling: Sibling) -> tuple[str, str]:
    files = [sibling.file, *(source.path for source in project.python(name) if source.path != sibling.file)]
    for path in files:
        source = project.source(path)
        for node in ast.walk(source.tree) if source is not None else ():
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                if called == name or called.startswith(name + ".") or called.endswith("." + name):
                    return ast.unparse(node), path
    return "", ""


def outside_names(project: Project, path: str, node: ast.ClassDef) -> set[str]:
    """Last parts of the bases and decorators of a class and its lineage."""
    names: set[str] = set()
    for _, each in [(path, node), *project.lineage(path, node)]:
        for base in (*each.bases, *each.decorator_list):
            target = (
                base.func if isinstance(base, ast.Call) else base.value if isinstance(base, ast.Subscript) else base
            )
            names.add(ast.unparse(target).rpartition(".")[2])
    return names


def fields_of(project: Project, path: str, node: ast.ClassDef) -> list[ClassField]:
    """Fields of a class and its lineage; those of a group that is a class itself come with the group's name first."""
    found: dict[KeyPath, ClassField] = {}
    for file, each in reversed([(path, node), *project.lineage(path, node)]):
        own = each is node
        record = _has_fields(each)
        for statement in (*each.body, *_init_body(each)):
            name, value, annotation = _field(statement)
            if record and statement in each.body and isinstance(statement, ast.Assign):
                continue  # beside annotated fields a plain assignment is none: pydantic's model_config, a constant
            if not name or "ClassVar" in annotation or name.startswith("_"):
                continue
            group = project.class_of(annotation.strip("'\""), file) if annotation.strip("'\"").isidentifier() else None
            if group is not None and group[1] is not each and _has_fields(group[1]):
                for inner in fields_of(project, *group):
                    found[(name, *inner.keys)] = ClassField((name, *inner.keys), inner.value, own, annotation)
            elif literal(value) is not None or value is None or annotation or own:
                found[(name,)] = ClassField((name,), value, own, annotation=annotation)
    return list(found.values())


def _has_fields(node: ast.ClassDef) -> bool:
    """Whether a class has annotated fields."""
    return any(isinstance(each, ast.AnnAssign) and "ClassVar" not in ast.unparse(each.annotation) for each in node.body)


def _init_body(node: ast.ClassDef) -> list[ast.stmt]:
    return next((each.body for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"), [])


def _field(node: ast.stmt) -> tuple[str, ast.expr | None, str]:
    target: ast.expr
    if isinstance(node, ast.AnnAssign):
        target, value, annotation = node.target, node.value, ast.unparse(node.annotation)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target, value, annotation = node.targets[0], node.value, ""
    else:
        return "", None, ""
    if isinstance(target, ast.Name):
        return target.id, value, annotation
    if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
        # what __init__ takes over from its parameters is no setting with a value here
        return (target.attr, value, annotation) if isinstance(value, ast.Constant) else ("", None, "")
    return "", None, ""


def texts_in(node: ast.ClassDef) -> list[str]:
    """Texts that a class says about itself, where a section's name may be: its constants, keywords, ``super().__init__``."""
    places: list[ast.AST] = [*node.keywords, *node.decorator_list]
    for each in node.body:
        if isinstance(each, ast.Assign | ast.AnnAssign) and each.value is not None:
            places.append(each.value)
        if isinstance(each, ast.FunctionDef | ast.ClassDef):
            places.append(each)
    found = [
        part.value
        for place in places
        for part in ast.walk(place)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return [*found, node.name]


def is_shared(classes: Sequence[ConfigClass]) -> bool:
    """Whether all siblings have the same class, which is called after none of them."""
    names = {(each.path, each.node.name) for each in classes}
    return len(names) == 1 and (len(classes) > 1 or not _called_after(classes[0]))


def _called_after(each: ConfigClass) -> bool:
    return pattern_of(each.node.name, each.sibling) is not None and bool(core(each.sibling.name))
