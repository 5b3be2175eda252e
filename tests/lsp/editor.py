"""An editor at the other end of ``trainergen lsp``: a real process, real frames over its pipes, and nothing of ours in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Queue
from typing import Any

PATIENCE = 60.0
"""Seconds after which an answer is taken for lost."""


class Editor:
    """A client of the language server.

    Args:
        folder: the workspace.
        capabilities: of the client, added to what every editor can.
        variables: added to the server's environment.
    """

    def __init__(self, folder: Path, capabilities: dict[str, Any] | None = None, **variables: str) -> None:
        self.folder = folder
        environment = {**os.environ, "XDG_CACHE_HOME": str(folder / ".cache"), "PYTHONUTF8": "1", **variables}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trainergen", "lsp", "--stdio"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, cwd=folder.parent,
        )  # fmt: skip
        self._number = 0
        self._messages: Queue[dict[str, Any] | None] = Queue()
        self.seen: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()
        self.log: list[str] = []
        threading.Thread(target=self._drain, daemon=True).start()
        self.server = self.ask(
            "initialize",
            processId=None,
            capabilities=capabilities or {},
            rootUri=folder.as_uri(),
            workspaceFolders=[{"uri": folder.as_uri(), "name": "here"}],
        )["capabilities"]
        self.tell("initialized")

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def tell(self, method: str, **parameters: Any) -> None:
        self._send({"method": method, "params": parameters})

    def ask(self, method: str, **parameters: Any) -> Any:
        """The result of a request; an error answer is an assertion's failure."""
        self._number += 1
        number = self._number
        self._send({"id": number, "method": method, "params": parameters})
        answer = self.wait(lambda message: message.get("id") == number and "method" not in message)
        assert "error" not in answer, answer
        return answer["result"]

    def open(self, name: str, text: str, version: int = 1) -> list[dict[str, Any]]:
        document = {"uri": self.uri(name), "languageId": "python", "version": version, "text": text}
        self.tell("textDocument/didOpen", textDocument=document)
        return self.diagnostics(name, version)

    def change(self, name: str, version: int, *changes: dict[str, Any]) -> None:
        self.tell(
            "textDocument/didChange",
            textDocument={"uri": self.uri(name), "version": version},
            contentChanges=list(changes),
        )

    def diagnostics(self, name: str, version: int | None = None) -> list[dict[str, Any]]:
        """The next diagnostics of a file (of that version)."""
        return self.diagnostics_of(self.uri(name), version)

    def diagnostics_of(self, uri: str, version: int | None = None) -> list[dict[str, Any]]:
        def fits(message: dict[str, Any]) -> bool:
            said = message.get("params") or {}
            return (
                message.get("method") == "textDocument/publishDiagnostics"
                and said["uri"] == uri
                and (version is None or said.get("version") == version)
            )

        found: list[dict[str, Any]] = self.wait(fits)["params"]["diagnostics"]
        return found

    def actions(self, name: str, line: int, only: list[str] | None = None) -> list[dict[str, Any]]:
        place = {"line": line, "character": 0}
        context: dict[str, Any] = {"diagnostics": []} | ({"only": only} if only is not None else {})
        found: list[dict[str, Any]] = self.ask(
            "textDocument/codeAction",
            textDocument={"uri": self.uri(name)}, range={"start": place, "end": place}, context=context,
        )  # fmt: skip
        return found

    def wait(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message that fits; those before it are kept in `seen`."""
        while True:
            message = self._messages.get(timeout=PATIENCE)
            assert message is not None, "the server is gone:\n" + "".join(self.log)
            self.seen.append(message)
            if fits(message):
                return message

    def leave(self) -> int:
        self.ask("shutdown")
        self._send({"method": "exit"})
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while header := stream.readline():
            length = 0
            while header.strip():
                name, _, value = header.decode("ascii").partition(":")
                if name.lower() == "content-length":
                    length = int(value)
                header = stream.readline()
            assert length, "what stands between two frames is no header"
            self._messages.put(json.loads(stream.read(length)))
        self._messages.put(None)

    def _drain(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.decode(errors="replace"))


def applied(text: str, edits: list[dict[str, Any]]) -> str:
    """The text after edits, their columns in UTF-16 units, as an editor applies them."""
    lines = text.splitlines(keepends=True)
    units = [line.encode("utf-16-le") for line in [*lines, ""]]

    def offset(place: dict[str, int]) -> int:
        return sum(map(len, units[: place["line"]])) + 2 * place["character"]

    data = text.encode("utf-16-le")
    for edit in sorted(edits, key=lambda each: offset(each["range"]["start"]), reverse=True):
        start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
        data = data[:start] + edit["newText"].encode("utf-16-le") + data[end:]
    return data.decode("utf-16-le")
