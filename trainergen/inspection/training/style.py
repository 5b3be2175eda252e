"""How the project's trainers are written, so that a new one looks like them: names, imports, docstrings, quotes, logger."""

from __future__ import annotations

import ast
import io
import posixpath
import re
import tokenize
from collections import Counter
from collections.abc import Iterable
from typing import Literal

from ..source_tree import dotted
from ..training_facts import BaseTrainer, ClassFacts, StyleFacts
from .index import ProjectIndex
from .outline import Excerpts, Unreadable, parse

MOST_READ = 6
"""Files of siblings that are read in full."""
_LOGGING = frozenset(["debug", "info", "warning", "error", "exception", "critical", "warn"])
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_TRAINS = re.compile(r"Train|Runner|Engine|Solver|Learner|Experiment|Job|Task|Recipe")
_MODEL = "Net(?:work)?|Model|Module|Classifier|Regressor|Encoder|Decoder|Autoencoder|Transformer"
_PLACE = re.compile(r"\{(snake|lower|Camel|kebab)\}")


def read_style(index: ProjectIndex, base: BaseTrainer | None, alone: tuple[ClassFacts, ...]) -> StyleFacts:
    """The style of the siblings; of the base where there are none; of trainers that inherit from nothing, `alone`, otherwise.

    Args:
        index: the project.
        base: the trainers' base.
        alone: trainers without one.
    """
    siblings = base.siblings if base is not None else alone
    models = siblings or ((base.facts,) if base is not None else ())
    if not models:
        return StyleFacts()
    functions = any(each.is_function for each in siblings)
    names = [each.name for each in siblings]
    last = base.facts.name if base is not None else ""
    class_name = function_pattern(names) if functions else class_pattern(names, last)
    files = list(dict.fromkeys(each.file for each in models))[:MOST_READ]
    methods = [it for each in models for it in each.methods if it.name != "__init__"]
    hinted = sum(it.returns is not None or any(p.annotation for p in it.parameters) for it in methods)
    outlines = [index.outline(path) for path in files]
    lines, name = _logger(index, files)
    return StyleFacts(
        file_name=file_pattern([(each.file, each.name) for each in siblings], class_name, _folder(models)),
        class_name=class_name,
        relative_imports=_relative(index, files),
        future_annotations=2 * sum(each.future_annotations for each in outlines) > len(outlines),
        hints=2 * hinted >= len(methods),
        docstrings=docstring_style([*(each.docstring for each in models), *(it.docstring for it in methods)]),
        quotes=_quotes(index.peek(path) for path in files),
        logger=lines,
        logger_name=name,
    )


# Names.


def class_pattern(names: list[str], base: str = "") -> str:
    """The pattern that most of the classes follow, ``{Camel}`` in the model's place (``{Camel}Trainer``).

    Args:
        names: of the classes.
        base: what they inherit from: where there is one class alone, its name ends as that does.
    """
    votes: Counter[str] = Counter()
    for name in names:
        words = _WORD.findall(name)
        for count in range(1, min(len(words), 4)):
            votes["{Camel}" + "".join(words[-count:])] += 1
            votes["".join(words[:count]) + "{Camel}"] += 1
    if not votes:
        return "{Camel}Trainer"
    most = max(votes.values())
    if most == 1 or len(names) == 1:
        last = (_WORD.findall(base) or [""])[-1]
        kept = [each for each in votes if each.endswith(f"}}{last}") or _TRAINS.search(each)]
        return min(kept, key=lambda each: (len(each), each)) if kept else "{Camel}Trainer"
    if 2 * most <= len(names):
        return "{Camel}Trainer"
    # All that agree agree on their longest common part; what a model's name ends in is the model's.
    best = max((each for each in votes if votes[each] == most), key=lambda each: (each.startswith("{"), len(each)))
    return re.sub(rf"\}}(?:{_MODEL})+(?=[A-Z])", "}", best)


def function_pattern(names: list[str]) -> str:
    """The pattern of functions of one manner, ``{snake}`` in the model's place; the name itself where all have the same."""
    return names[0] if len(set(names)) == 1 else names[0].partition("_")[0] + "_{snake}"


def file_pattern(trainers: list[tuple[str, str]], class_name: str, folder: str) -> str:
    """The pattern of the files, ``{snake}``, ``{lower}``, ``{Camel}`` or ``{kebab}`` in the model's place.

    Args:
        trainers: file and class of each sibling.
        class_name: the classes' pattern.
        folder: where a new file goes if none of them tells.
    """
    before, _, after = re.sub(r"\{\w+\}", "*", class_name).partition("*")
    votes: Counter[str] = Counter()
    for path, name in trainers:
        if "{" not in class_name:  # all have one name: the files tell what they are for
            part = re.sub(r"^train_|_train(er|ing)?$", "", posixpath.basename(path).removesuffix(".py"))
        elif name.startswith(before) and name.endswith(after):
            part = name[len(before) : len(name) - len(after)]
        else:
            continue
        short = re.sub(rf"(?<=[a-z0-9])(?:{_MODEL})$", "", part)
        for pattern in dict.fromkeys((*_patterns(path, part), *_patterns(path, short))):
            votes[pattern] += 1
    if not votes:
        return posixpath.join(folder, "{snake}_trainer.py")
    order = ("{snake}", "{lower}", "{Camel}", "{kebab}")  # one word is all of the first two: the commoner is meant
    return max(votes, key=lambda each: (votes[each], -order.index(_PLACE.search(each)[0]), -len(each)))  # type: ignore[index]


def _patterns(path: str, part: str) -> Iterable[str]:
    """What the file of a trainer may be an instance of, its model's part being `part`."""
    words = [each.lower() for each in _WORD.findall(part)]
    if not words:
        return
    forms = {"{snake}": "_".join(words), "{lower}": "".join(words), "{Camel}": part, "{kebab}": "-".join(words)}
    head, name = posixpath.split(path)
    stem = name.removesuffix(".py")
    for place, form in forms.items():
        if re.search(rf"(^|[_-]){re.escape(form)}($|[_-])", stem) or (place == "{Camel}" and form in stem):
            yield posixpath.join(head, stem.replace(form, place, 1) + ".py")
        elif re.fullmatch(r"train(er|ing)?|__init__|\w*_trainer", stem) and posixpath.basename(head) == form:
            yield posixpath.join(posixpath.dirname(head), place, name)


def _folder(models: tuple[ClassFacts, ...]) -> str:
    counts = Counter(posixpath.dirname(each.file) for each in models)
    return min(counts, key=lambda folder: (-counts[folder], folder))


# Text.


def docstring_style(docstrings: list[str]) -> Literal["google", "numpy", "sphinx", "plain", "none"]:
    """The manner of most docstrings that have sections; plain where none has, none where most are missing."""
    written = [each for each in docstrings if each]
    if 3 * len(written) < len(docstrings) or not written:
        return "none"
    votes: Counter[Literal["google", "numpy", "sphinx"]] = Counter()
    for each in written:
        if re.search(r"^\s*(Parameters|Returns|Raises|Attributes)\n\s*-{3,}", each, re.MULTILINE):
            votes["numpy"] += 1
        elif re.search(r"^\s*(Args|Arguments|Returns|Raises|Yields|Attributes):\s*$", each, re.MULTILINE):
            votes["google"] += 1
        elif re.search(r"^\s*:(param|returns?|raises|type|rtype)\b", each, re.MULTILINE):
            votes["sphinx"] += 1
    return votes.most_common(1)[0][0] if votes else "plain"


def _quotes(texts: Iterable[bytes]) -> Literal["double", "single"]:
    """What most strings stand in; those that hold the other quote, and docstrings, say nothing."""
    single = double = 0
    for text in texts:
        try:
            for token in tokenize.tokenize(io.BytesIO(text).readline):
                if token.type == tokenize.STRING:
                    body = token.string.lstrip("rRbBfFuU")
                    if not body.startswith(('"""', "'''")):
                        single += body[0] == "'" and '"' not in body
                        double += body[0] == '"' and "'" not in body
        except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
            continue
    return "single" if single > double else "double"


def _relative(index: ProjectIndex, files: list[str]) -> bool:
    """Whether most imports of the project's own modules are relative."""
    relative = absolute = 0
    for path in files:
        modules = {module for _, module, _ in index.outline(path).imports} | set(index.outline(path).stars)
        relative += sum(each.startswith(".") for each in modules)
        absolute += sum(not each.startswith(".") and index.locate(each, path) is not None for each in modules)
    return relative > absolute


# The logger.


def _logger(index: ProjectIndex, files: list[str]) -> tuple[tuple[str, ...], str]:
    """The lines that give the siblings' modules their logger, as most write them, and what they call."""
    names: Counter[str] = Counter()
    lines: Counter[tuple[str, tuple[str, ...]]] = Counter()
    for path in files:
        try:
            tree, text = parse(index.peek(path))
        except Unreadable:
            continue
        called = Counter(
            name
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _LOGGING
            and (name := dotted(node.func.value)) is not None
            and re.search(r"log", name, re.IGNORECASE)
        )
        for name in called:
            names[name] += called[name]
            lines[name, _binding(tree, Excerpts(text), name.partition(".")[0])] += 1
    if not names:
        return (), ""
    name = max(names, key=lambda each: (names[each], each))
    written = {each: count for (of, each), count in lines.items() if of == name}
    return max(written, key=lambda each: (written[each], each)), name


def _binding(tree: ast.Module, excerpts: Excerpts, name: str) -> tuple[str, ...]:
    """The statements that bind `name` in a module: an import, or an assignment and the import of what it calls."""
    imports: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            for each in node.names:
                suffix = f" as {each.asname}" if each.asname else ""
                imports[each.asname or each.name] = f"from {origin} import {each.name}{suffix}"
        elif isinstance(node, ast.Import):
            for each in node.names:
                suffix = f" as {each.asname}" if each.asname else ""
                imports[each.asname or each.name.partition(".")[0]] = f"import {each.name}{suffix}"
    if name in imports:
        return (imports[name],)
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id == name for each in node.targets
        ):
            used = [it.id for it in ast.walk(node.value) if isinstance(it, ast.Name) and it.id in imports]
            return (*(imports[each] for each in dict.fromkeys(used)), excerpts.of(node))
    return ()
