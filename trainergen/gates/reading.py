"""One walk over a file: its routines with what they do in order, and around each step its loops, guards and managers."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from .source import TOP, Function, Scope, Source

if TYPE_CHECKING:
    from collections.abc import Callable

_DEEPEST = 12_000
"""Python frames that a walk may take: calls between Python functions use no C stack, and ast's own limit is lower."""


class Place:
    """A block around a step, and through `parent` all that are around it, up to the routine.

    Attributes:
        kind: ``routine``, ``loop``, ``if``, ``with``, ``try``, ``except``, ``finally`` or ``comprehension``.
        node: the statement (or comprehension) that opens the block.
        branch: ``body`` or ``orelse`` of it.
        path: all places from the routine to this one, outermost first.
    """

    __slots__ = ("branch", "kind", "node", "parent", "path")

    def __init__(self, parent: Place | None, kind: str, node: ast.AST, branch: str = "body") -> None:
        self.parent = parent
        self.kind = kind
        self.node = node
        self.branch = branch
        self.path: tuple[Place, ...] = (*parent.path, self) if parent is not None else (self,)


class Step:
    """Something that a routine does: a call, an assignment, a return or an expression statement.

    Attributes:
        node: the call or statement.
        place: the block that it stands in.
        order: its number in the walk of the file; within a routine it is the order of execution.
    """

    __slots__ = ("node", "order", "place")

    def __init__(self, node: ast.AST, place: Place, order: int) -> None:
        self.node = node
        self.place = place
        self.order = order


class Binding:
    """A value given to a name.

    Attributes:
        value: the expression; for a loop what is iterated over, for unpacking the whole right side.
        how: ``assign``, ``augment``, ``unpack``, ``loop``, ``loop unpack``, ``count`` (of enumerate) or ``with``.
        position: the index in an unpacked tuple, else -1.
    """

    __slots__ = ("how", "node", "order", "place", "position", "value")

    def __init__(self, value: ast.expr, how: str, position: int, place: Place, node: ast.AST, order: int) -> None:
        self.value = value
        self.how = how
        self.position = position
        self.place = place
        self.node = node
        self.order = order


class Routine:
    """A function, a method, or the top level of the file (``node`` is the Module then).

    Attributes:
        owner: the class that it is a method of.
        outer: the routine that it is defined in.
        parameters: names in order, ``self`` included.
        steps: what it does, in order; nested functions are routines of their own.
        bindings: dotted name (``loss``, ``self.total``) -> what is assigned to it here, in order.
        inner: functions defined in it, by name.
    """

    __slots__ = ("_calls", "bindings", "inner", "name", "node", "outer", "owner", "parameters", "place", "steps")

    def __init__(self, node: Function | ast.Module, outer: Routine | None, owner: Class | None) -> None:
        self.node = node
        self.outer = outer
        self.owner = owner
        self.place = Place(None, "routine", node)
        self.steps: list[Step] = []
        self._calls: tuple[Step, ...] | None = None
        self.bindings: dict[str, list[Binding]] = {}
        self.inner: dict[str, Routine] = {}
        self.name = "" if isinstance(node, ast.Module) else node.name
        self.parameters: list[str] = []
        if not isinstance(node, ast.Module):
            given = node.args
            self.parameters = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]

    def decorators(self) -> list[ast.expr]:
        """Its decorators' expressions."""
        return [] if isinstance(self.node, ast.Module) else self.node.decorator_list

    def calls(self) -> tuple[Step, ...]:
        """The steps that are calls; worked out once, for a routine that has been read."""
        if self._calls is None:
            self._calls = tuple(step for step in self.steps if type(step.node) is ast.Call)
        return self._calls


class Class:
    """A class of the file.

    Attributes:
        bases: dotted names of its bases, as far as they are names.
        methods: by name.
        bindings: ``self.x`` and class attributes -> what any method assigns.
    """

    __slots__ = ("bases", "bindings", "methods", "node")

    def __init__(
        self,
        node: ast.ClassDef,
        bases: tuple[str, ...],
        methods: dict[str, Routine],
        bindings: dict[str, list[Binding]],
    ) -> None:
        self.node = node
        self.bases = bases
        self.methods = methods
        self.bindings = bindings


class Reading:
    """A file, read once.

    Args:
        source: the parsed file.
        watched: node types to note for gates that look at single nodes.

    Attributes:
        routines: the top level first, then every function in order.
        classes: by name (the last of a name).
        noted: the nodes of the watched types with their scope, in order.
        imports: local name -> dotted name, of imports anywhere in the file.

    Raises:
        RecursionError: the code is nested deeper than any walk goes.
    """

    def __init__(self, source: Source, watched: frozenset[type[ast.AST]] = frozenset()) -> None:
        self.source = source
        self.imports = dict(source.imports)
        self.classes: dict[str, Class] = {}
        self.noted: list[tuple[ast.AST, Scope]] = []
        self.top = Routine(source.tree, None, None)
        self.routines = [self.top]
        self._watched = watched
        self._dotted: dict[int, tuple[ast.expr, str | None]] = {}
        self._read = False
        self._order = 0
        self._routine = self.top
        self._class: Class | None = None
        self._scope = TOP
        self._handlers: dict[type[ast.AST], Callable[[ast.AST, Place], None]] = {
            ast.FunctionDef: self._function,
            ast.AsyncFunctionDef: self._function,
            ast.ClassDef: self._class_definition,
            ast.Call: self._call,
            ast.Assign: self._assign,
            ast.AnnAssign: self._annotated,
            ast.AugAssign: self._augmented,
            ast.NamedExpr: self._named,
            ast.For: self._loop,
            ast.AsyncFor: self._loop,
            ast.While: self._while,
            ast.If: self._if,
            ast.With: self._with,
            ast.AsyncWith: self._with,
            ast.Try: self._try,
            ast.TryStar: self._try,
            ast.Return: self._after_children,
            ast.Expr: self._after_children,
            ast.Delete: self._after_children,
            ast.Import: self._import,
            ast.ImportFrom: self._import,
            ast.ListComp: self._comprehension,
            ast.SetComp: self._comprehension,
            ast.DictComp: self._comprehension,
            ast.GeneratorExp: self._comprehension,
            ast.Lambda: self._lambda,
            ast.Attribute: self._attribute,
            ast.Name: self._leaf,
            ast.Constant: self._leaf,
        }
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, _DEEPEST))
        try:
            if ast.Module in watched:
                self._note(source.tree)
            self._block(source.tree.body, self.top.place)
        finally:
            sys.setrecursionlimit(limit)
        self._dotted.clear()  # an import further down may have given a name another meaning
        self._read = True

    def dotted(self, expression: ast.expr) -> str | None:
        """The dotted name that an expression stands for, imports followed; ``self.x`` stays; None for anything else."""
        if type(expression) is ast.Name:
            return self.imports.get(expression.id, expression.id)
        if type(expression) is not ast.Attribute:
            return None
        known = self._dotted.get(id(expression))
        if known is not None and self._read:  # every gate asks for the same few
            return known[1]
        found = self._spelt(expression)
        self._dotted[id(expression)] = expression, found  # the node with it: its number is its own while it lives
        return found

    def _spelt(self, expression: ast.expr) -> str | None:
        attributes: list[str] = []
        while isinstance(expression, ast.Attribute):
            attributes.append(expression.attr)
            expression = expression.value
        if not isinstance(expression, ast.Name):
            return None
        return ".".join([self.imports.get(expression.id, expression.id), *reversed(attributes)])

    def _visit(self, node: ast.AST, place: Place) -> None:
        kind = type(node)
        handler = self._handlers.get(kind)
        if kind in self._watched:
            self._note(node)
        if handler is not None:
            handler(node, place)
        else:
            self._children(node, place)

    def _note(self, node: ast.AST) -> None:
        self.noted.append((node, self._scope))

    def _children(self, node: ast.AST, place: Place) -> None:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.AST):
                        self._visit(item, place)
            elif isinstance(value, ast.AST):
                self._visit(value, place)

    def _block(self, statements: list[ast.stmt], place: Place) -> None:
        for statement in statements:
            self._visit(statement, place)

    def _step(self, node: ast.AST, place: Place) -> None:
        self._order += 1
        self._routine.steps.append(Step(node, place, self._order))

    def _leaf(self, _node: ast.AST, _place: Place) -> None:
        pass

    def _attribute(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, ast.Attribute)
        if type(node.value) is not ast.Name:
            self._visit(node.value, place)

    def _after_children(self, node: ast.AST, place: Place) -> None:
        self._children(node, place)
        self._step(node, place)

    def _call(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, ast.Call)
        self._visit(node.func, place)
        for argument in node.args:
            self._visit(argument, place)
        for word in node.keywords:
            self._visit(word.value, place)
        self._step(node, place)

    def _bind(
        self, target: ast.expr, value: ast.expr, how: str, node: ast.AST, place: Place, position: int = -1
    ) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            paired = (
                how == "assign" and isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts)
            )
            for index, item in enumerate(target.elts):
                if paired:
                    assert isinstance(value, (ast.Tuple, ast.List))
                    self._bind(item, value.elts[index], how, node, place)
                else:
                    kind = "loop unpack" if how.startswith("loop") else "unpack"
                    self._bind(item, value, kind, node, place, index)
            return
        if isinstance(target, ast.Starred):
            target = target.value
        name = text_of(target)
        if name is None:
            return
        binding = Binding(value, how, position, place, node, self._order)
        self._routine.bindings.setdefault(name, []).append(binding)
        if self._class is not None:
            if name.startswith("self."):
                self._class.bindings.setdefault(name, []).append(binding)
            elif self._routine.owner is not self._class:  # the class body itself
                self._class.bindings.setdefault(f"self.{name}", []).append(binding)

    def _assign(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, ast.Assign)
        self._visit(node.value, place)
        for target in node.targets:
            if type(target) is not ast.Name:
                self._visit(target, place)
        self._step(node, place)
        for target in node.targets:
            self._bind(target, node.value, "assign", node, place)

    def _annotated(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, ast.AnnAssign)
        self._note_all(node.annotation)
        if node.value is None:
            return
        self._visit(node.value, place)
        self._step(node, place)
        self._bind(node.target, node.value, "assign", node, place)

    def _augmented(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, ast.AugAssign)
        self._visit(node.value, place)
        self._step(node, place)
        self._bind(node.target, node.value, "augment", node, place)

    def _named(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, ast.NamedExpr)
        self._visit(node.value, place)
        self._bind(node.target, node.value, "assign", node, place)

    def _loop(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, (ast.For, ast.AsyncFor))
        self._visit(node.iter, place)
        inside = Place(place, "loop", node)
        target, source = node.target, node.iter
        numbered = _enumerated(source)
        if numbered is not None and isinstance(target, ast.Tuple) and len(target.elts) == 2:
            self._bind(target.elts[0], source, "count", node, inside)
            target, source = target.elts[1], numbered
        self._bind(target, source, "loop", node, inside)
        self._block(node.body, inside)
        self._block(node.orelse, place)

    def _while(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, ast.While)
        inside = Place(place, "loop", node)
        self._visit(node.test, inside)
        self._block(node.body, inside)
        self._block(node.orelse, place)

    def _if(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, ast.If)
        self._visit(node.test, place)
        self._step(node, place)
        self._block(node.body, Place(place, "if", node))
        if node.orelse:
            self._block(node.orelse, Place(place, "if", node, "orelse"))

    def _with(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, (ast.With, ast.AsyncWith))
        inside = Place(place, "with", node)
        for item in node.items:
            self._visit(item.context_expr, place)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, item.context_expr, "with", node, inside)
        self._block(node.body, inside)

    def _try(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, (ast.Try, ast.TryStar))
        self._block(node.body, Place(place, "try", node))
        for handler in node.handlers:
            if handler.type is not None:
                self._visit(handler.type, place)
            self._block(handler.body, Place(place, "except", handler))
        self._block(node.orelse, Place(place, "try", node, "orelse"))
        self._block(node.finalbody, Place(place, "finally", node))

    def _comprehension(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))
        inside = Place(place, "comprehension", node)
        for generator in node.generators:
            self._visit(generator.iter, place)
            self._bind(generator.target, generator.iter, "loop", node, inside)
            for test in generator.ifs:
                self._visit(test, inside)
        if isinstance(node, ast.DictComp):
            self._visit(node.key, inside)
            self._visit(node.value, inside)
        else:
            self._visit(node.elt, inside)

    def _lambda(self, node: ast.AST, _place: Place) -> None:
        """What a lambda does is done elsewhere, some time: no step of this routine, but gates may look at its nodes."""
        self._note_all(node)

    def _note_all(self, node: ast.AST) -> None:
        if self._watched:
            for part in ast.walk(node):
                if type(part) in self._watched:
                    self._note(part)

    def _import(self, node: ast.AST, _place: Place) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                self.imports.setdefault(bound, alias.name if alias.asname else bound)
        elif isinstance(node, ast.ImportFrom):
            origin = self.source.absolute(node)
            for alias in node.names:
                self.imports.setdefault(alias.asname or alias.name, f"{origin}.{alias.name}".lstrip("."))

    def _function(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        outer_scope = self._scope
        self._scope = Scope(outer_scope.owner, node)
        for decorator in node.decorator_list:
            self._visit(decorator, place)
        self._note_all(node.args)  # what a default computes is computed once, before anything is trained
        if node.returns is not None:
            self._note_all(node.returns)
        outer = self._routine
        method_of = self._class if self._class is not None and place.node is self._class.node else None
        routine = Routine(node, outer, method_of or outer.owner)
        self.routines.append(routine)
        if method_of is not None:
            method_of.methods[node.name] = routine
        else:
            outer.inner[node.name] = routine
        self._routine = routine
        self._block(node.body, routine.place)
        self._routine = outer
        self._scope = outer_scope

    def _class_definition(self, node: ast.AST, place: Place) -> None:
        assert isinstance(node, ast.ClassDef)
        for decorator in node.decorator_list:
            self._visit(decorator, place)
        bases = []
        for base in node.bases:
            self._visit(base, place)
            name = self.dotted(base.value if isinstance(base, ast.Subscript) else base)
            if name is not None:
                bases.append(name)
        outer_class, outer_scope = self._class, self._scope
        self._scope = Scope(node, None)
        self._class = Class(node, tuple(bases), {}, {})
        self.classes[node.name] = self._class
        # The class body runs where it stands; its place is told by the class node.
        inside = Place(place, "class", node)
        self._block(node.body, inside)
        self._class, self._scope = outer_class, outer_scope


def text_of(expression: ast.expr) -> str | None:
    """``loss``, ``self.model``, ``optimizers['g']``: names, attributes and constant subscripts as text; None otherwise."""
    if isinstance(expression, ast.Name):
        return expression.id
    if isinstance(expression, ast.Attribute):
        inner = text_of(expression.value)
        return None if inner is None else f"{inner}.{expression.attr}"
    if isinstance(expression, ast.Subscript):
        inner = text_of(expression.value)
        if inner is None:
            return None
        if isinstance(expression.slice, ast.Constant):
            return f"{inner}[{expression.slice.value!r}]"
        key = text_of(expression.slice)
        return None if key is None else f"{inner}[{key}]"
    return None


def _enumerated(expression: ast.expr) -> ast.expr | None:
    """``loader`` of ``enumerate(loader)``, also within ``tqdm(...)``; None where nothing is enumerated."""
    while isinstance(expression, ast.Call) and expression.args:
        function = expression.func
        if isinstance(function, ast.Name) and function.id == "enumerate":
            return expression.args[0]
        expression = expression.args[0]
    return None


def loops_in(path: tuple[Place, ...]) -> tuple[Place, ...]:
    """The loops of a path, outermost first."""
    return tuple(place for place in path if place.kind == "loop")
