"""Damaged sources: what editors, merges and half-written files hand to a check. Drawn by seed, so that a failure comes back."""

from __future__ import annotations

import json
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from tests.gates.pairs.catalogue import PAIRS

ODD = [
    "", "\n", "\x0c", "\ufeff", "\r", "import torch\r\rx = 1\r", "\\", "#", "# tg: ignore[", "# tg: ignore-file", "'''", '"""torch', "f'{", "torch\0",
    "import torch\n" + "(" * 150 + ")" * 150, "import torch\nx = " + "-" * 3000 + "1",
    "import torch\nx = " + "+".join(["1"] * 20_000), "import torch\n" + "".join(" " * i + "if x:\n" for i in range(95)) + " " * 95 + "pass",
    "import torch\nx = " + "a." * 4000 + "b", "import torch\n" + "f(" * 90 + ")" * 90, "import torch\nx" + "[0]" * 900,
    "import torch\n" + "def f():\n return f()\n" * 400, "import torch\nasync def f():\n async for x in y:\n  await x.backward()\n",
    "import torch\ntype X[T] = list[T]\ndef f[T](x: T) -> T: ...\n", "import torch\nmatch x:\n case {'a': [1, *rest]}: loss.backward()\n",
    "import torch\ntry:\n pass\nexcept* ValueError:\n loss.backward()\n", "import torch\nx = t'{optimizer}'\n",
    "import torch\nlambda: (yield)\nclass A(A): pass\nclass B(C): pass\nclass C(B):\n def f(self): self.f()\n",
    "from . import *\nfrom .... import torch\nfrom .x import y as torch\nimport torch.optim as self\n",
    "import torch\ndel loss\nloss: int\n(loss): int = 1\nloss[0]: int = 2\nfor a.b[c] in d: loss.backward(); optimizer.step()\n",
    "import torch\nwhile (x := x.backward()): x.step(); x += x; [x for x in x if x for x in x]\n",
    "import torch\nfor x in x:\n x = x(x)\n x.backward()\n optimizer.step()\n x += x\n",
    "import torch\ndef a():\n b()\n loss.backward()\n optimizer.step()\ndef b():\n c()\ndef c():\n a()\n b()\n",
    "import torch\nmodel = model(model)\nmodel.model = model.model\noptimizer = optimizer\nscheduler = [scheduler for scheduler in scheduler]\n",
    "import torch\n" + "x = x.to(x)\n" * 3000, "import torch\n" + "loss = loss + criterion(model(x), y)\n" * 1500 + "loss.backward()\n",
]  # fmt: skip
"""By hand: encodings, nesting, syntax newer than ours, circles of names, calls and bases."""


def library() -> list[Path]:
    """Every file of the standard library that Python would read as source, tests and what is installed left out."""
    root = Path(sysconfig.get_paths()["stdlib"])
    return sorted(path for path in root.rglob("*.py") if "site-packages" not in path.parts and "test" not in path.parts)


TRAINS = b"\n# torch, optimizer, Trainer\n"
"""At the end of a source: it makes every gate look, and changes no syntax that stands."""


def sources(count: int, seed: int = 0) -> Iterator[tuple[str, str, bytes]]:
    """So many files: their kind, their name's ending, and what they hold; the kinds take turns.

    ``whole``, ``cut``: files of the standard library; ``damaged``: see `damaged`; ``nested``: up to thousands deep;
    ``encoded``: latin-1, UTF-16, marks, null bytes, declared rightly and wrongly; ``newer``: syntax of later releases;
    ``large``: 5 MB, one in a thousand; ``notebook``: right and broken ones.
    """
    random_ = random.Random(seed)
    files = [path for path in library() if path.stat().st_size < 400_000]
    spoilt = damaged(count, seed)
    for number in range(count):
        kind = _KINDS[number % len(_KINDS)]
        if number % 1000 == 999:
            yield "large", ".py", _large(random_)
            continue
        data = random_.choice(files).read_bytes()
        if kind == "whole":
            yield kind, ".py", data + TRAINS
        elif kind == "cut":
            yield kind, ".py", data[: random_.randint(0, len(data))] + TRAINS
        elif kind == "damaged":
            yield kind, ".py", next(spoilt).encode("utf-8", "surrogatepass")
        elif kind == "nested":
            yield kind, ".py", _nested(random_) + TRAINS
        elif kind == "encoded":
            yield kind, ".py", _encoded(data, random_)
        elif kind == "newer":
            yield kind, ".py", random_.choice(_NEWER) + TRAINS + data[: random_.randint(0, 3000)]
        else:
            yield kind, ".ipynb", _notebook(data, random_)


_KINDS = (
    "whole", "damaged", "cut", "damaged", "nested", "damaged", "encoded", "damaged", "newer", "cut", "whole", "notebook",
)  # fmt: skip
_NEWER = [
    b"type Pair[T] = tuple[T, T]\n", b"def f[T: int = str](x: T) -> T: ...\n", b"x = t'{optimizer!r:>{width}}'\n",
    b"try:\n    pass\nexcept ValueError, TypeError:\n    loss.backward()\n", b"f'{f'{f'{x}'}'}'\n", b"lazy import torch\n",
    b"with (yield) as x, (await y) as z: pass\n", b"match x:\n    case {**rest} if (y := rest): optimizer.step()\n",
    b"class A[*Ts, **P]: pass\n", b"x = y?.z\n", b"print 'old'\nexec 'x' in y\n", b"async def f(): return [x async for x in y]\n",
    b"def f(): return *a, *b\n", b"x: int = yield\n", b"global x\nnonlocal y\nreturn\nbreak\n",
]  # fmt: skip


def _nested(random_: random.Random) -> bytes:
    depth = random_.choice((5, 60, 99, 101, 199, 201, 900, 5000))
    return random_.choice(
        [
            b"x = " + b"(" * depth + b")" * depth,
            b"x = " + b"[" * depth + b"loss.backward()" + b"]" * depth,
            b"x = " + b"-" * depth + b"1",
            b"x = " + b"not " * depth + b"y",
            b"x = " + b"lambda: " * depth + b"optimizer.step()",
            b"x = a" + b".b" * depth + b".backward()",
            b"x = f" + b"(0)" * depth,
            b"x = " + b"1 if y else " * depth + b"0",
            b"x = " + b" + ".join([b"loss"] * depth),
            b"".join(b" " * level + b"for x in y:\n" for level in range(min(depth, 300)))
            + b" " * min(depth, 300)
            + b"loss.backward()",
            b"".join(b" " * level + b"def f():\n" for level in range(min(depth, 300)))
            + b" " * min(depth, 300)
            + b"f()",
            b"class A:\n"
            + b"".join(b" " * level + b"class A(A):\n" for level in range(1, min(depth, 99)))
            + b" " * 99
            + b"x = 1",
            b"if x: pass\n" + b"elif x: loss.backward()\n" * depth,
            b"def f0(): loss.backward(); optimizer.step()\n"
            + b"".join(b"def f%d(): f%d()\n" % (level + 1, level) for level in range(min(depth, 900))),
        ]
    )


def _encoded(data: bytes, random_: random.Random) -> bytes:
    text = data.decode("utf-8", "replace") + "# é\n" + TRAINS.decode()
    return random_.choice(
        [
            lambda: text.encode("latin-1", "replace"),
            lambda: b"# -*- coding: latin-1 -*-\n" + text.encode("latin-1", "replace"),
            lambda: b"# coding: ascii\n" + text.encode(),
            lambda: b"# coding: no-such-thing\n" + text.encode(),
            lambda: b"\xef\xbb\xbf" + text.encode(),
            lambda: b"\xef\xbb\xbf\xef\xbb\xbf" + text.encode(),
            lambda: b"\xef\xbb\xbf# coding: latin-1\n" + text.encode(),
            lambda: text.encode("utf-16"),
            lambda: b"# coding: utf-7\n" + text.encode(),
            lambda: data[: len(data) // 2] + b"\0" + data[len(data) // 2 :],
            lambda: random_.randbytes(random_.randint(0, 4000)),
            lambda: text.replace("\n", "\r").encode(),
            lambda: text.replace("\n", "\r\n").encode(),
            lambda: data + b"\xff\xfe",
        ]
    )()


def _large(random_: random.Random) -> bytes:
    loop = b"for x in loader:\n    model(x).sum().backward()\n    optimizer.step()\n"
    body = random_.choice(
        [
            b"TABLE = [\n" + b'    "torch",\n' * 400_000 + b"]\n",
            b"# torch\n" * 650_000,
            b"x = '" + b"y" * 5_000_000 + b"'\n",
        ]
    )
    return b"import torch\n" + loop + body


def _notebook(data: bytes, random_: random.Random) -> bytes:
    body = data.decode("utf-8", "replace")[:3000] + TRAINS.decode()
    cells: list[object] = [
        {"cell_type": "code", "source": body.splitlines(keepends=True)},
        {"cell_type": "markdown", "source": "# torch"},
        {"cell_type": "code", "source": "%%bash\nls\n"},
        {"cell_type": "code", "source": "!pip install torch\n%time loss.backward()\nmodel?\n"},
        {"cell_type": "code"}, {}, None, 7,
    ]  # fmt: skip
    random_.shuffle(cells)
    text = json.dumps({"cells": cells[: random_.randint(0, len(cells))], "nbformat": 4})
    whole = random_.random() < 0.6
    return (text if whole else text[: random_.randint(0, len(text))]).encode()


def damaged(count: int, seed: int = 0) -> Iterator[str]:
    """So many texts: pieces of right and wrong training code and of the library, cut, spliced, doubled, shifted."""
    random_ = random.Random(seed)
    texts = [pair.bad for pair in PAIRS.values()]
    texts += [path.read_text(encoding="utf-8", errors="replace")[:20_000] for path in random_.sample(library(), 60)]
    ways = (_prefix, _splice, _lines_out, _swapped, _letters, _doubled, _indented)
    for _ in range(count):
        text = random_.choice(texts)
        for way in random_.choices(ways, k=random_.randint(1, 3)):
            text = way(text, random_, texts)
        yield "import torch\n" + text[:60_000]


def _prefix(text: str, random_: random.Random, texts: list[str]) -> str:
    return text[: random_.randint(0, len(text))]


def _splice(text: str, random_: random.Random, texts: list[str]) -> str:
    other = random_.choice(texts).splitlines(keepends=True)
    lines = text.splitlines(keepends=True)
    at, start = random_.randint(0, len(lines)), random_.randint(0, len(other))
    return "".join(lines[:at] + other[start : start + random_.randint(1, 40)] + lines[at:])


def _lines_out(text: str, random_: random.Random, texts: list[str]) -> str:
    share = random_.choice((0.02, 0.1, 0.5))
    return "".join(line for line in text.splitlines(keepends=True) if random_.random() > share)


def _swapped(text: str, random_: random.Random, texts: list[str]) -> str:
    lines = text.splitlines(keepends=True)
    for _ in range(random_.randint(1, 20)):
        if lines:
            first, second = random_.randrange(len(lines)), random_.randrange(len(lines))
            lines[first], lines[second] = lines[second], lines[first]
    return "".join(lines)


def _letters(text: str, random_: random.Random, texts: list[str]) -> str:
    letters = list(text)
    for _ in range(random_.randint(1, 8)):
        if letters:
            letters[random_.randrange(len(letters))] = random_.choice(
                "()[]{}:,.'\"\\\n\t\r\x0c #@=*0aé\u2028\U0001f600"
            )
    return "".join(letters)


def _doubled(text: str, random_: random.Random, texts: list[str]) -> str:
    lines = text.splitlines(keepends=True)
    start = random_.randint(0, len(lines))
    return "".join(lines[:start] + lines[start : start + 30] * random_.randint(2, 6) + lines[start:])


def _indented(text: str, random_: random.Random, texts: list[str]) -> str:
    lines = text.splitlines(keepends=True)
    start = random_.randint(0, len(lines))
    stop = start + random_.randint(1, 60)
    shift = random_.choice(("    ", "\t", "  "))
    return "".join(lines[:start] + [shift + line for line in lines[start:stop]] + lines[stop:])
