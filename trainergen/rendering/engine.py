"""Jinja2 as trainergen uses it: strict, overridable by a team's own folder, and able to say which line wrote which."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jinja2
from jinja2.bccache import Bucket, BytecodeCache
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from ..errors import InternalError, TrainergenError, UnusableInput
from ..resources import contract_folder, resource_folder
from .rendered import Rendered

MARK = re.compile("\x02([0-9]+):([0-9]+)\x03")


class Templates(jinja2.BaseLoader):
    """Templates by name, the team's override first.

    ``torch/blocks/loss.py.j2`` is looked for in the override folder under that name, as ``blocks/loss.py.j2`` and as
    ``loss.py.j2``, then in our ``templates/``; ``contracts/default/frame.py.j2`` likewise, then beside its contract.

    Args:
        overrides: the team's folder, or None.
        root: the project root, against which override paths are shown.
    """

    def __init__(self, overrides: Path | None = None, root: Path | None = None) -> None:
        self.overrides = overrides
        self.root = root
        self.shown: dict[str, str] = {}  # file name on disk -> path as reported
        if overrides is not None and not overrides.is_dir():
            raise UnusableInput(
                f"the folder of template overrides does not exist: {overrides}",
                hint='correct templates = "..." in [tool.trainergen] of pyproject.toml',
            )

    def get_source(
        self, environment: jinja2.Environment, template: str  # noqa: ARG002 - jinja2's signature
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """The text of `template`, its file, and no reload check."""
        for path, shown in self._candidates(template):
            if path.is_file():
                self.shown[str(path)] = shown
                try:
                    text = path.read_text(encoding="utf-8")
                except UnicodeDecodeError as problem:
                    raise UnusableInput(f"the template is not UTF-8: {problem.reason}", place=shown) from None
                return text, str(path), None
        raise jinja2.TemplateNotFound(template)

    def is_override(self, filename: str) -> bool:
        """Whether a template's file is the team's and not ours."""
        return self.overrides is not None and Path(filename).is_relative_to(self.overrides)

    def _candidates(self, template: str) -> Iterator[tuple[Path, str]]:
        parts = template.split("/")
        if self.overrides is not None:
            for start in dict.fromkeys((0, 1, len(parts) - 1)):
                path = self.overrides.joinpath(*parts[start:])
                yield path, self._relative(path)
        if parts[0] == "contracts":
            yield contract_folder(parts[1]).joinpath(*parts[2:]), f"trainergen/{template}"
        else:
            yield resource_folder("templates") / template, f"templates/{template}"

    def _relative(self, path: Path) -> str:
        if self.root is not None and path.is_relative_to(self.root):
            return path.relative_to(self.root).as_posix()
        return str(path)


class Compiled(BytecodeCache):
    """What templates compiled to, for all engines of this process: a command has several, and most texts are the same.

    The code of a template depends on its text and file alone: the markers in it number files for the whole process.
    """

    def __init__(self) -> None:
        self.codes: dict[tuple[str, str], Any] = {}
        self.files: list[str] = []  # markers carry the position

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give `bucket` the code of the same file with the same text, if there is one."""
        bucket.code = self.codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep the code of `bucket`."""
        self.codes[bucket.key, bucket.checksum] = bucket.code

    def number(self, filename: str) -> int:
        """The position of a file in `files`."""
        if filename not in self.files:
            self.files.append(filename)
        return self.files.index(filename)


COMPILED = Compiled()


class Provenance(Extension):
    """Marks the end of every line of template text with the template and line that it came from."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """The same tokens, text lines marked."""
        filename = stream.filename
        if filename is None:
            yield from stream
            return
        number = COMPILED.number(filename)
        for token in stream:
            if token.type != "data" or "\n" not in token.value:
                yield token
                continue
            lines = token.value.split("\n")
            marked = []
            for offset, line in enumerate(lines[:-1]):
                blank = offset > 0 and not line.strip()
                marked.append(line if blank else f"{line}\x02{number}:{token.lineno + offset}\x03")
            yield Token(token.lineno, token.type, "\n".join([*marked, lines[-1]]))


class Engine:
    """Renders templates of one command.

    Args:
        overrides: the team's folder of templates, or None.
        root: the project root, for the paths in messages.
    """

    def __init__(self, overrides: Path | None = None, root: Path | None = None) -> None:
        self.templates = Templates(overrides, root)
        self.environment = jinja2.Environment(
            loader=self.templates,
            undefined=jinja2.StrictUndefined,
            extensions=[Provenance],
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701 - Python, not HTML
            cache_size=400,
            bytecode_cache=COMPILED,
        )

    def render(self, name: str, variables: Mapping[str, Any]) -> Rendered:
        """Template `name` as text with provenance.

        Raises:
            UnusableInput: the team's own template is broken; names template, line and variable.
            InternalError: one of ours is.
        """
        with self._reported():
            return self._unmark(self.environment.get_template(name).render(variables))

    def module(self, name: str) -> Any:
        """Template `name` as an object whose attributes are what it sets at its top level.

        Raises:
            As `render`.
        """
        with self._reported():
            template = self.environment.get_template(name)
            try:
                return template.module
            except Exception:
                self.environment.handle_exception()  # as render does: lines of the template, not of what it compiled to

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except jinja2.TemplateSyntaxError as problem:
            raise self._error(problem.filename, problem.lineno, problem.message or "syntax error") from problem
        except jinja2.TemplateNotFound as problem:
            filename, line = self._where(problem)
            raise self._error(filename, line, f"there is no template {problem.name}") from problem
        except TrainergenError:  # what a template asks for may be an answer of the user
            raise
        except Exception as problem:  # a template may call anything that a variable offers
            filename, line = self._where(problem)
            kind = "" if isinstance(problem, jinja2.UndefinedError) else f"{type(problem).__name__}: "
            raise self._error(filename, line, f"{kind}{problem}") from problem

    def compile_all(self, names: Iterable[str]) -> None:
        """Compile templates ahead of time; a broken one is reported when it is rendered."""
        for name in names:
            with contextlib.suppress(jinja2.TemplateError, UnusableInput):
                self.environment.get_template(name)

    def is_override(self, shown: str | None) -> bool:
        """Whether an origin (``path:line``) is a template of the team's."""
        if shown is None:
            return False
        path = shown.rpartition(":")[0]
        files = [filename for filename, name in self.templates.shown.items() if name == path]
        return any(self.templates.is_override(filename) for filename in files)

    def _unmark(self, marked: str) -> Rendered:
        lines, origins = [], []
        origin: str | None = None
        for line in marked.split("\n"):
            found = MARK.findall(line)
            if found:
                # The first mark is the innermost text of the line; later ones are the frames that placed it.
                number, position = found[0]
                filename = COMPILED.files[int(number)]
                origin = f"{self.templates.shown.get(filename, filename)}:{position}"
            lines.append(MARK.sub("", line).rstrip())
            origins.append(origin)
        text = "\n".join(lines)
        return Rendered(text, tuple(origins[: len(text.splitlines())]))

    def _where(self, problem: BaseException) -> tuple[str | None, int]:
        filename: str | None = None
        line = 0
        trace = problem.__traceback__
        while trace is not None:
            name = trace.tb_frame.f_code.co_filename
            if name in self.templates.shown:
                filename, line = name, trace.tb_lineno
            trace = trace.tb_next
        return filename, line

    def _error(self, filename: str | None, line: int, message: str) -> UnusableInput | InternalError:
        place = f"{self.templates.shown.get(filename, filename)}:{line}" if filename else None
        if filename is not None and self.templates.is_override(filename):
            return UnusableInput(
                f"your template can't be rendered: {message}",
                place=place,
                hint="correct that line, or remove the file to use trainergen's own",
            )
        return InternalError(f"a template of ours can't be rendered: {message}", place=place)
