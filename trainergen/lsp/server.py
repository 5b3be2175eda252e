"""The server: what an editor tells it, and what it answers. It checks; files are the editor's to write."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls import uris
from pygls.lsp.server import LanguageServer

from .. import __version__
from ..errors import UnusableInput
from .actions import KINDS, actions, diagnostic, hover
from .judging import Judged, home_of, judge, judge_cells
from .places import Lines, Place
from .texts import Texts

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE = 0.2
"""Seconds that nothing is typed in before a changed text is checked."""
_WATCHED = ("**/*.py", "**/pyproject.toml", "**/requirements*.txt", "**/setup.cfg", "**/environment.yml")
"""What a verdict may depend on beside the text itself."""


class Service:
    """One editor's documents, and what was found in them.

    Args:
        server: the connection to the editor.
    """

    def __init__(self, server: LanguageServer) -> None:
        self._server = server
        self._texts = Texts()
        self._judged: dict[str, tuple[str, Judged]] = {}
        self._waiting: dict[str, asyncio.TimerHandle] = {}
        self._complaints: set[str] = set()
        self.was_shut_down = False
        answers: dict[str, Callable[..., Any]] = {
            types.INITIALIZED: self._begin,
            types.SHUTDOWN: self._end,
            types.TEXT_DOCUMENT_DID_OPEN: self._open,
            types.TEXT_DOCUMENT_DID_CHANGE: self._change,
            types.TEXT_DOCUMENT_DID_SAVE: self._save,
            types.TEXT_DOCUMENT_DID_CLOSE: self._close,
            types.NOTEBOOK_DOCUMENT_DID_OPEN: self._open_notebook,
            types.NOTEBOOK_DOCUMENT_DID_CHANGE: self._change_notebook,
            types.NOTEBOOK_DOCUMENT_DID_SAVE: self._save,
            types.NOTEBOOK_DOCUMENT_DID_CLOSE: self._close_notebook,
            types.WORKSPACE_DID_CHANGE_WATCHED_FILES: self._save,
            types.TEXT_DOCUMENT_HOVER: self._hover,
        }
        for name, answer in answers.items():
            server.feature(name)(partial(answer))  # pygls marks what it is given, and a method takes no mark
        server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=list(KINDS)))(
            partial(self._actions)
        )

    def _begin(self, _: types.InitializedParams) -> None:
        encoding = self._server.workspace.position_encoding
        self._texts.units = str(getattr(encoding, "value", encoding))
        workspace = self._server.client_capabilities.workspace
        watching = workspace.did_change_watched_files if workspace is not None else None
        if watching is None or not watching.dynamic_registration:
            return
        options = types.DidChangeWatchedFilesRegistrationOptions([types.FileSystemWatcher(each) for each in _WATCHED])
        watched = types.Registration("watched", types.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
        self._server.client_register_capability(types.RegistrationParams([watched]))

    def _end(self, _: None) -> None:
        self.was_shut_down = True

    def _open(self, told: types.DidOpenTextDocumentParams) -> None:
        document = told.text_document
        self._texts.opened(document.uri, document.text, document.version)
        self._show(document.uri)

    def _change(self, told: types.DidChangeTextDocumentParams) -> None:
        uri = told.text_document.uri
        self._texts.changed(uri, told.content_changes, told.text_document.version)
        self._soon(uri, lambda: self._show(uri))

    def _save(self, _: object) -> None:
        """All that is open is looked at again: what was written may be what others are judged by."""
        self._soon("", self._show_all)

    def _show_all(self) -> None:
        cells = {cell.document for each in self._notebooks().values() for cell in each.cells}
        for uri in self._texts.uris():
            if uri not in cells:
                self._show(uri)
        for uri in self._notebooks():
            self._show_notebook(uri)

    def _close(self, told: types.DidCloseTextDocumentParams) -> None:
        uri = told.text_document.uri
        self._forget(uri)
        self._publish(uri, [], None)

    def _forget(self, uri: str) -> None:
        timer = self._waiting.pop(uri, None)
        if timer is not None:
            timer.cancel()
        self._texts.closed(uri)
        self._judged.pop(uri, None)

    def _open_notebook(self, told: types.DidOpenNotebookDocumentParams) -> None:
        for cell in told.cell_text_documents:
            self._texts.opened(cell.uri, cell.text, cell.version)
        self._show_notebook(told.notebook_document.uri)

    def _change_notebook(self, told: types.DidChangeNotebookDocumentParams) -> None:
        uri, cells = told.notebook_document.uri, told.change.cells
        if cells is None:
            return
        if cells.structure is not None:
            for opened in cells.structure.did_open or ():
                self._texts.opened(opened.uri, opened.text, opened.version)
            for closed in cells.structure.did_close or ():
                self._forget(closed.uri)
                self._publish(closed.uri, [], None)
        for each in cells.text_content or ():
            self._texts.changed(each.document.uri, each.changes, each.document.version)
        self._soon(uri, lambda: self._show_notebook(uri))

    def _close_notebook(self, told: types.DidCloseNotebookDocumentParams) -> None:
        self._forget(told.notebook_document.uri)
        for cell in told.cell_text_documents:
            self._forget(cell.uri)
            self._publish(cell.uri, [], None)

    def _soon(self, key: str, work: Callable[[], None]) -> None:
        """Do `work` when nothing more has come under `key` for a moment."""
        before = self._waiting.pop(key, None)
        if before is not None:
            before.cancel()

        def begin() -> None:
            self._waiting.pop(key, None)
            work()

        self._waiting[key] = asyncio.get_running_loop().call_later(_PAUSE, begin)

    def _show(self, uri: str) -> None:
        """Check a document and say what was found; no longer open, it says nothing."""
        if uri not in self._texts:
            return
        judged = self._verdict(uri)
        lines = self._texts.lines(uri)
        found = [diagnostic(each, lines) for each in judged.findings] if judged is not None else []
        self._publish(uri, found, self._texts.version(uri))

    def _show_notebook(self, uri: str) -> None:
        notebook, file = self._notebooks().get(uri), uris.to_fs_path(uri)
        if notebook is None or file is None:
            return
        cells = {
            number: cell.document
            for number, cell in enumerate(notebook.cells, start=1)
            if cell.kind == types.NotebookCellKind.Code
        }
        texts = [(number, self._texts.text(cell)) for number, cell in cells.items()]
        judged = self._attempt(lambda: judge_cells(os.path.realpath(file), texts, self._home(file), self._crashed))
        for number, cell in cells.items():
            lines = self._texts.lines(cell)
            mine = [each for each in (judged.findings if judged is not None else ()) if each.cell == number]
            if judged is not None:
                self._judged[cell] = self._texts.text(cell), judged._replace(findings=mine, check=None)
            self._publish(cell, [diagnostic(each, lines) for each in mine], self._texts.version(cell))

    def _verdict(self, uri: str) -> Judged | None:
        """What is found in an open document as it stands; None where it has no place among files, or nothing can be said."""
        text, file = self._texts.text(uri), uris.to_fs_path(uri)
        if file is None or not uri.startswith("file:") or file.endswith(".ipynb"):
            return None
        others = {
            os.path.realpath(path): self._texts.text(each)
            for each in self._texts.uris()
            if each != uri and each.startswith("file:") and (path := uris.to_fs_path(each)) is not None
        }
        judged = self._attempt(lambda: judge(os.path.realpath(file), text, self._home(file), others, self._crashed))
        if judged is not None:
            self._judged[uri] = text, judged
        return judged

    def _as_it_stands(self, uri: str) -> Judged | None:
        """The verdict on a document's present text; of a cell the last one, where it was of that text."""
        text = self._texts.text(uri)
        known = self._judged.get(uri)
        if known is not None and known[0] == text:
            return known[1]
        return self._verdict(uri) if uri in self._texts else None

    def _home(self, file: str) -> str:
        folders = [uris.to_fs_path(each.uri) for each in self._server.workspace.folders.values()]
        root = self._server.workspace.root_path
        return home_of(os.path.realpath(file), [each for each in (*folders, root) if each])

    def _attempt(self, work: Callable[[], Judged]) -> Judged | None:
        """What `work` gives; None where the configuration can't be meant (said once), or we have a bug (logged)."""
        try:
            return work()
        except UnusableInput as problem:
            said = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
            if said not in self._complaints:
                self._complaints.add(said)
                shown = types.ShowMessageParams(types.MessageType.Error, f"trainergen: {said}")
                self._server.window_show_message(shown)
        except Exception as problem:
            self._crashed("the check", problem)
        return None

    def _crashed(self, gate: str, problem: Exception) -> None:
        frames = "".join(traceback.format_exception(problem))
        text = f"{gate} failed, and was left out; this is a bug, please report it:\n{frames}"
        self._server.window_log_message(types.LogMessageParams(types.MessageType.Error, text))

    def _publish(self, uri: str, found: list[types.Diagnostic], version: int | None) -> None:
        self._server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, version))

    def _notebooks(self) -> dict[str, types.NotebookDocument]:
        return {each.uri: each for each in self._server.workspace.notebook_documents.values()}

    def _actions(self, asked: types.CodeActionParams) -> list[types.CodeAction]:
        uri = asked.text_document.uri
        judged = self._as_it_stands(uri)
        if judged is None or judged.check is None:
            return []
        lines = Lines(judged.text, self._texts.units)
        only = None if asked.context.only is None else [getattr(each, "value", each) for each in asked.context.only]
        offered = []
        for action, edits in actions(judged, lines, asked.range, only):
            action.edit = self._edit(uri, edits)
            offered.append(action)
        return offered

    def _edit(self, uri: str, edits: list[types.TextEdit]) -> types.WorkspaceEdit:
        workspace = self._server.client_capabilities.workspace
        able = workspace.workspace_edit if workspace is not None else None
        if able is None or not able.document_changes:
            return types.WorkspaceEdit(changes={uri: edits})
        document = types.OptionalVersionedTextDocumentIdentifier(uri=uri, version=self._texts.version(uri))
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, list(edits))])

    def _hover(self, asked: types.HoverParams) -> types.Hover | None:
        uri = asked.text_document.uri
        judged = self._as_it_stands(uri)
        if judged is None or not judged.findings:
            return None
        place = Place(asked.position.line, asked.position.character)
        return hover(judged.findings, place, self._texts.lines(uri))


def serve() -> int:
    """Serve the editor at the other end of standard input and output until it leaves; the exit code."""
    gc.enable()  # the command line switches it off, since it lives for a second; this lives for a day
    # What a plug-in prints must not come between the frames: they get the real output, everybody else the log.
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    python = [types.NotebookCellLanguage(language="python")]
    # pygls keeps texts of its own, in which a cell that is changed in part is an error; nobody reads them.
    logging.getLogger("pygls.workspace.text_document").setLevel(logging.CRITICAL)
    server = LanguageServer(
        "trainergen",
        __version__,
        text_document_sync_kind=types.TextDocumentSyncKind.Full,
        notebook_document_sync=types.NotebookDocumentSyncOptions(
            [types.NotebookDocumentFilterWithCells(notebook="jupyter-notebook", cells=python)], save=True
        ),
    )
    service = Service(server)
    server.start_io(stdout=output)
    return 0 if service.was_shut_down else 1
