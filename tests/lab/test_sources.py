"""The definition of live code, cut out of its file: the same, line for line, as in the tree of the whole file."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest
import torch

from trainergen.lab.sources import code_node

AWKWARD = '''\
import functools


def one_line(x): return x


@functools.lru_cache(
    maxsize=2,
)
def decorated(
    a,
    b,
):
    """Only words."""


class Outer:
    @property
    @functools.cache
    def value(self):
        if self:
            def inner(x,
          y):
                return x
            return inner
        else:
            return None
        global never

    def text(self):
        said = """
left of the definition
"""
        return (
said
        )

    async def later(self):
        return 1

        # a remark of its own
    def last(self):
        return lambda: 3; pass


class Tabs:
\tdef first(self):
\t\treturn 1

\tdef second(self):
\t\treturn 2


if True:
    def below(x):

        return [y for y in x]

    def beside(x):
        return (yield x)
'''


def functions(tree: ast.Module) -> dict[tuple[str, int], str]:
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            found[node.name, first] = ast.dump(node, include_attributes=True)
    return found


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from codes(each)


def compared(file: Path) -> int:
    source = file.read_text(encoding="utf-8")
    wanted = functions(ast.parse(source))
    count = 0
    for code in codes(compile(source, str(file), "exec")):
        node = code_node(code)
        if (code.co_name, code.co_firstlineno) in wanted:
            assert node is not None, code
            assert ast.dump(node, include_attributes=True) == wanted[code.co_name, code.co_firstlineno], code
            count += 1
        else:
            assert node is None, code
    return count


def test_awkward_definitions_are_cut_out_whole(tmp_path: Path) -> None:
    file = tmp_path / "awkward.py"
    file.write_text(AWKWARD, encoding="utf-8")
    assert compared(file) == 11


@pytest.mark.parametrize("name", ["nn/functional.py", "nn/modules/module.py", "nn/modules/rnn.py", "functional.py"])
def test_torch_s_own_files_are_read_as_they_stand(name: str) -> None:
    assert compared(Path(torch.__file__).parent / name) > 10


def test_code_without_a_file_has_no_definition() -> None:
    scope: dict[str, object] = {}
    exec("def made(x):\n    return x\n", scope)
    assert code_node(scope["made"].__code__) is None  # type: ignore[attr-defined]
    assert code_node((lambda: functools).__code__) is None
