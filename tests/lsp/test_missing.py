"""Without the extra: what is missing and how it comes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_without_pygls_the_line_for_pip_is_said(tmp_path: Path) -> None:
    (tmp_path / "pygls.py").write_text("raise ModuleNotFoundError(\"No module named 'pygls'\")\n")
    (tmp_path / "lsprotocol.py").write_text("raise ModuleNotFoundError(\"No module named 'lsprotocol'\")\n")
    done = subprocess.run(
        [sys.executable, "-m", "trainergen", "lsp"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 6
    assert f'{sys.executable} -m pip install "trainergen[lsp]"' in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
