"""Damaged sources: what editors, merges and half-written files hand to a check. Drawn by seed, so that a failure comes back."""

from __future__ import annotations

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
