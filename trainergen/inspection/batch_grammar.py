"""The text of ``--batch`` to a `BatchSpec` and back, by the small grammar of docs/batch-grammar.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

from ..errors import UnusableInput, nearest
from .batch_spec import BATCH, BatchSpec, Branch, Leaf, Node, leaves

if TYPE_CHECKING:
    from collections.abc import Iterator

INTEGERS = {"int8": (-(2**7), 2**7), "int16": (-(2**15), 2**15), "int32": (-(2**31), 2**31)}
INTEGERS |= {"int64": (-(2**63), 2**63), "uint8": (0, 2**8)}
FLOATS = ("float16", "bfloat16", "float32", "float64")
TENSORS = (*FLOATS, *INTEGERS, "bool", "complex64", "complex128")
NUMBERS = ("int", "float")  # Python numbers: no shape
DTYPES = (*TENSORS, *NUMBERS, "str")
OTHER_NAMES = {
    "long": "int64",
    "double": "float64",
    "half": "float16",
    "string": "str",
    "byte": "uint8",
    "short": "int16",
}
OTHER_NAMES |= {"f32": "float32", "f64": "float64", "i64": "int64", "i32": "int32", "boolean": "bool", "text": "str"}

FILES = (".pt", ".pth", ".npz", ".safetensors")
PLACE = "--batch"

TOKEN = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<quoted>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<mark>[\[\](){}:;,=<]))"
)


class Token(NamedTuple):
    """A piece of the text: what it is, how it is written, where it starts."""

    kind: str  # number, name, quoted, mark, end
    text: str
    start: int


def parse(text: str) -> BatchSpec:
    """The batch that `text` describes, e.g. ``image: float32[8,1,28,28]; label: int64[8] < 10``.

    Sizes are plain ints in `Leaf.dims` unless the text names them (``float32[batch=8, 3]``); which of them the model
    fixes is measured later. `BatchSpec.samples` is the size called ``batch``, else the first size of the first leaf
    that has one.

    Raises:
        UnusableInput: the text does not follow the grammar; the notes point at the column.
    """
    return _Parser(text).batch()


def spell(spec: BatchSpec) -> str:
    """The text that `parse` reads back as `spec` (for a spec that can be described: no ``object``, bounds in pairs)."""
    root = spec.root
    if isinstance(root, Branch) and root.kind == "mapping" and root.entries:
        return _spell_fields(root)
    return _spell_node(root)


def batch_request(text: str, folder: Path) -> dict[str, Any]:
    """What the lab is asked for ``--batch TEXT``: a file, an object to import, or a spec by the grammar.

    Args:
        text: the option's value.
        folder: where a relative file name starts.

    Raises:
        UnusableInput: no such file, a kind of file that is not read, or text against the grammar.
    """
    from ..plain import to_plain

    suffix = Path(text).suffix.lower()
    if suffix in FILES and not set(text) & set("[]{};"):
        path = (folder / text).absolute()
        if not path.is_file():
            raise UnusableInput(f"no such batch file: {text}", place=PLACE, hint=f"looked for {path}")
        return {"kind": "file", "path": str(path)}
    if suffix in (".pkl", ".pickle", ".joblib"):
        raise UnusableInput(
            f"{text} is a pickle, and a pickle runs code when it is read",
            place=PLACE,
            hint=f"save the batch as one of {', '.join(FILES)}, or name it: --batch module:name",
        )
    match = re.fullmatch(r"[A-Za-z_][\w.]*:([A-Za-z_][\w.]*)", text.strip())
    if match and match[1] not in DTYPES and match[1] not in OTHER_NAMES and not nearest(match[1], TENSORS):
        return {"kind": "object", "target": text.strip()}
    if (folder / text).is_file():
        raise UnusableInput(
            f"{text}: not a kind of batch file that is read", place=PLACE, hint=f"one of {', '.join(FILES)}"
        )
    return {"kind": "grammar", "spec": to_plain(parse(text))}


class _Parser:
    """Recursive descent over the tokens; one method a rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._tokenise())
        self.index = 0
        self.symbols: dict[str, int] = {}

    def _tokenise(self) -> Iterator[Token]:
        position = 0
        while self.text[position:].strip():
            match = TOKEN.match(self.text, position)
            if match is None:
                start = position + len(self.text[position:]) - len(self.text[position:].lstrip())
                self.fail(Token("mark", self.text[start], start), "this character means nothing here")
            kind = match.lastgroup
            assert kind is not None
            yield Token(kind, match[kind], match.start(kind))
            position = match.end()
        yield Token("end", "", len(self.text.rstrip()))

    # -- what the rules are made of

    def fail(self, token: Token, message: str, hint: str | None = None) -> NoReturn:
        before = self.text[: token.start]
        line = before.count("\n")
        column = token.start - (before.rfind("\n") + 1)
        shown = (self.text.splitlines() or [""])[line] if line < len(self.text.splitlines()) else ""
        if len(shown) > 100:  # keep the place in sight
            cut = max(0, column - 60)
            shown = ("..." if cut else "") + shown[cut : cut + 100]
            column = column - cut + (3 if cut else 0)
        caret = " " * column + "^" * max(1, min(len(token.text), 100))
        where = f"{PLACE}, column {token.start - before.rfind(chr(10))}" + (f" of line {line + 1}" if line else "")
        raise UnusableInput(
            f"the batch description can't be read: {message}",
            place=where,
            hint=hint or "the grammar: docs/batch-grammar.md, e.g. 'image: float32[8,1,28,28]; label: int64[8] < 10'",
            notes=("   |", f"   | {shown}", f"   | {caret} {message}"),
        )

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def peek(self, ahead: int = 1) -> Token:
        return self.tokens[min(self.index + ahead, len(self.tokens) - 1)]

    def next(self) -> Token:
        token = self.token
        if token.kind != "end":
            self.index += 1
        return token

    def take(self, mark: str) -> bool:
        if self.token.kind == "mark" and self.token.text == mark:
            self.index += 1
            return True
        return False

    def expect(self, mark: str, after: str) -> None:
        if not self.take(mark):
            self.fail(self.token, f"expected {mark!r} {after}, found {_found(self.token)}")

    # -- rules

    def batch(self) -> BatchSpec:
        if self.token.kind == "end":
            self.fail(self.token, "the description is empty")
        root: Node = self.fields("mapping", None, end="") if self.starts_field() else self.node()
        if self.token.kind != "end":
            self.fail(self.token, f"expected the end of the description, found {_found(self.token)}")
        return BatchSpec(root, samples=self._samples(root), place=PLACE)

    def _samples(self, root: Node) -> int:
        if BATCH in self.symbols:
            return self.symbols[BATCH]
        return next((leaf.sizes[0] for _, leaf in leaves(root) if leaf.sizes), 0)

    def starts_field(self) -> bool:
        if self.token.kind not in ("name", "quoted", "number") or self.peek().text != ":":
            return False
        return not self.starts_object()

    def starts_object(self) -> bool:
        return (
            self.token.kind == "name"
            and self.peek().text == ":"
            and self.peek(2).kind == "name"
            and self.peek(3).text == "("
        )

    def fields(self, kind: Literal["mapping", "dataclass", "namedtuple"], type_name: str | None, end: str) -> Branch:
        entries: dict[str | int, Node] = {}
        while self.token.text != end and self.token.kind != "end":
            token = self.token
            key = self.key(kind)
            if key in entries:
                self.fail(token, f"{key} is described twice")
            self.expect(":", f"after {key}")
            entries[key] = self.node()
            if not self.take(";"):
                break
        return Branch(kind, tuple(entries.items()), type_name)

    def key(self, kind: str) -> str | int:
        token = self.next()
        if token.kind == "name" and "." not in token.text:
            return token.text
        if kind == "mapping" and token.kind == "quoted":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if kind == "mapping" and re.fullmatch(r"\d+", token.text):
            return int(token.text)
        if token.kind == "name":
            self.fail(token, "a key with a dot is written in quotes", hint=f'write "{token.text}": ...')
        return self.fail(token, f"expected a name, found {_found(token)}")

    def node(self) -> Node:
        if self.starts_object():
            return self.instance("dataclass")
        if self.token.text == "namedtuple" and self.peek().kind == "name":
            self.next()
            if not self.starts_object():
                self.fail(self.token, "expected module:Class(...) after namedtuple")
            return self.instance("namedtuple")
        if self.take("{"):
            branch = self.fields("mapping", None, end="}")
            self.expect("}", "at the end of the mapping, or ';' before its next field")
            return branch
        if self.take("("):
            return self.sequence("tuple", ")")
        if self.take("["):
            return self.sequence("list", "]")
        return self.leaf()

    def instance(self, kind: Literal["dataclass", "namedtuple"]) -> Branch:
        module = self.next().text
        self.expect(":", "after the module")
        name = self.next().text
        self.expect("(", "after the class")
        branch = self.fields(kind, f"{module}:{name}", end=")")
        self.expect(")", "at the end of the fields, or ';' before the next one")
        return branch

    def sequence(self, kind: Literal["tuple", "list"], end: str) -> Branch:
        entries: list[tuple[str | int, Node]] = []
        comma = True
        while self.token.text != end and self.token.kind != "end" and comma:
            entries.append((len(entries), self.node()))
            comma = self.take(",")
        last = self.token
        self.expect(end, f"at the end of the {kind}, or ',' before its next entry")
        if kind == "tuple" and len(entries) == 1 and not comma:
            self.fail(last, "a tuple of one has a comma at its end")
        return Branch(kind, tuple(entries))

    def leaf(self) -> Leaf:
        token = self.next()
        if token.kind != "name":
            self.fail(token, f"expected a dtype, found {_found(token)}", hint=f"one of {', '.join(DTYPES)}")
        dtype = token.text
        if dtype not in DTYPES:
            self.fail(token, f"unknown dtype {dtype}", hint=_dtype_hint(dtype))
        dims: tuple[int | str, ...] = ()
        sizes: tuple[int, ...] = ()
        bracket = self.token
        if self.take("["):
            if dtype in NUMBERS:
                self.fail(
                    bracket,
                    f"{dtype} is a Python number and has no shape",
                    hint=f"did you mean {'int64' if dtype == 'int' else 'float32'}[...]?",
                )
            dims, sizes = self.dims()
        elif dtype == "str":
            self.fail(token, "a list of strings has a length", hint="write str[8]")
        low, high = self.bounds(dtype)
        return Leaf(dtype, dims, sizes, low, high, source="given", place=PLACE)

    def dims(self) -> tuple[tuple[int | str, ...], tuple[int, ...]]:
        dims: list[int | str] = []
        sizes: list[int] = []
        while self.token.text != "]":
            symbol = self.next() if self.token.kind == "name" else None
            if symbol is not None:
                if "." in symbol.text:
                    self.fail(symbol, "the name of a size has no dots")
                self.expect("=", f"after {symbol.text} (a named size: {symbol.text}=8)")
            token = self.next()
            if token.kind != "number" or not re.fullmatch(r"\d+", token.text):
                self.fail(
                    token, f"expected a size, found {_found(token)}", hint="a shape is written [8, 3] or [batch=8, 3]"
                )
            size = int(token.text)
            if size == 0:
                self.fail(token, "a size of 0 describes a batch without samples", hint="give at least one sample")
            if symbol is not None and self.symbols.setdefault(symbol.text, size) != size:
                self.fail(token, f"{symbol.text} is {self.symbols[symbol.text]} elsewhere")
            dims.append(symbol.text if symbol is not None else size)
            sizes.append(size)
            if not self.take(","):
                break
        self.expect("]", "at the end of the shape, or ',' before the next size")
        return tuple(dims), tuple(sizes)

    def bounds(self, dtype: str) -> tuple[int | float | None, int | float | None]:
        start = self.token
        if self.take("<"):
            low, high, closed = self.number("0", dtype), self.number(None, dtype), False
        elif start.kind == "name" and start.text == "in":
            self.next()
            self.expect("[", "after in")
            low = self.number(None, dtype)
            self.expect(",", "between the bounds")
            high = self.number(None, dtype)
            closed = self.take("]")
            if not closed:
                self.expect(")", "or ']' at the end of the range")
        else:
            return None, None
        if dtype in ("str", "bool", "complex64", "complex128"):
            self.fail(start, f"{dtype} has no range")
        integral = dtype in INTEGERS or dtype == "int"
        if integral and closed:
            high += 1
        if high <= low if integral or not closed else high < low:
            self.fail(start, "the range is empty")
        least, most = INTEGERS.get(dtype, (low, high))
        if integral and (low < least or high > most):
            self.fail(start, f"{dtype} holds {least} to {most - 1}")
        return low, high

    def number(self, given: str | None, dtype: str) -> int | float:
        token = Token("number", given, self.token.start) if given is not None else self.next()
        if token.kind != "number":
            self.fail(token, f"expected a number, found {_found(token)}")
        if dtype in INTEGERS or dtype == "int":
            if not re.fullmatch(r"[-+]?\d+", token.text):
                self.fail(token, f"the bounds of {dtype} are whole numbers")
            return int(token.text)
        return float(token.text)


def _found(token: Token) -> str:
    return "the end" if token.kind == "end" else token.text


def _dtype_hint(word: str) -> str:
    plain = word.removeprefix("torch.").removeprefix("np.")
    if plain in DTYPES:
        return f"did you mean {plain}?"
    if plain == "object":
        return "an object can't be made from a description: --batch module:name"
    guess = OTHER_NAMES.get(plain.lower()) or nearest(plain, DTYPES)
    return f"did you mean {guess}?" if guess else f"one of {', '.join(DTYPES)}"


def _spell_fields(branch: Branch) -> str:
    return "; ".join(f"{_spell_key(key)}: {_spell_node(child)}" for key, child in branch.entries)


def _spell_key(key: str | int) -> str:
    if isinstance(key, int) or re.fullmatch(r"[A-Za-z_]\w*", key):
        return str(key)
    return '"' + re.sub(r"([\"\\])", r"\\\1", key) + '"'


def _spell_node(node: Node) -> str:
    if isinstance(node, Leaf):
        return _spell_leaf(node)
    if node.kind == "mapping":
        return "{" + _spell_fields(node) + "}"
    if node.kind in ("dataclass", "namedtuple"):
        prefix = "namedtuple " if node.kind == "namedtuple" else ""
        return f"{prefix}{node.type_name}({_spell_fields(node)})"
    inside = ", ".join(_spell_node(child) for _, child in node.entries)
    if node.kind == "list":
        return f"[{inside}]"
    return f"({inside},)" if len(node.entries) == 1 else f"({inside})"


def _spell_leaf(leaf: Leaf) -> str:
    text = leaf.dtype
    if leaf.dtype in TENSORS or leaf.dtype == "str":
        parts = [
            str(size) if isinstance(dim, int) else f"{dim}={size}"
            for dim, size in zip(leaf.dims, leaf.sizes, strict=True)
        ]
        text += "[" + ", ".join(parts) + "]"
    if leaf.low is None or leaf.high is None:
        return text
    if leaf.dtype in INTEGERS or leaf.dtype == "int":
        return f"{text} < {leaf.high}" if leaf.low == 0 else f"{text} in [{leaf.low}, {leaf.high})"
    return f"{text} in [{leaf.low!r}, {leaf.high!r}]"
