"""The config.ini reader: every type, every refusal with its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import pytest

from trainergen.runtime import BaseTrainerConfig, ConfigError, SettingError
from trainergen.runtime.ini import ConfigParser, decode, format_value


@dataclass
class Everything(BaseTrainerConfig):
    SECTION: ClassVar[str] = "train_everything"

    width: int = 8
    share: float = 0.5
    name: str = "a"
    folder: Path = Path("x")
    sizes: tuple[int, ...] = (1, 2)
    span: tuple[float, str] = (0.0, "b")
    mode: Literal["fast", "exact"] = "fast"
    limit: int | None = 3
    mix: tuple[float, ...] | None = None


def load(tmp_path: Path, text: str, *, encoding: str = "utf-8", **overrides: str) -> Everything:
    path = tmp_path / "config.ini"
    path.write_bytes(text.encode(encoding))
    return Everything.load(path, overrides)


def test_every_type_is_read_and_the_rest_keeps_its_default(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "[other]\nWidth = 1\n[train_everything]\n# a comment\nwidth = 16\nshare: 1e-3\nname = 50% # not a comment\n"
        "folder = a/b\nsizes = 3, 4,5\nspan = 0.5, c\nmode = exact\nlimit = none\nmix = 0.1, 0.9\nshuffle = off\n"
        "gradient_clip_norm =\n",
    )
    assert (config.width, config.share, config.name, config.folder) == (16, 1e-3, "50% # not a comment", Path("a/b"))
    assert (config.sizes, config.span, config.mode, config.limit) == ((3, 4, 5), (0.5, "c"), "exact", None)
    assert (config.mix, config.shuffle, config.gradient_clip_norm) == ((0.1, 0.9), False, None)
    assert config.learning_rate == Everything().learning_rate


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_byte_order_mark_crlf_and_missing_final_newline(tmp_path: Path, encoding: str) -> None:
    config = load(tmp_path, "[train_everything]\r\nwidth = 9\r\nname = \u00e9t\u00e9", encoding=encoding)
    assert (config.width, config.name) == (9, "\u00e9t\u00e9")


@pytest.mark.parametrize(
    ("text", "line", "key", "message"),
    [
        ("[train_everything]\nwidth = 1\nlearning_rat = 2\n", 3, "learning_rat", "did you mean learning_rate?"),
        ("[train_everything]\nWidth = 1\n", 2, "Width", "did you mean width?"),
        ("[train_everything]\nwidth = wide\n", 2, "width", "expected an int, got 'wide'"),
        ("[train_everything]\nwidth =\n", 2, "width", "expected an int, got ''"),
        ("[train_everything]\nshuffle = maybe\n", 2, "shuffle", "expected a bool"),
        ("[train_everything]\nmode = quick\n", 2, "mode", "none of fast, exact"),
        ("[train_everything]\nspan = 1\n", 2, "span", "expected 2 values"),
        ("[train_everything]\nlimit = x\n", 2, "limit", "(or none)"),
        ("[a]\nx = 1\n[train_everything]\n\nlearning_rate = -1\n", 5, "learning_rate", "must be above 0, got -1.0"),
        ("[train_everything]\nlearning_rate = nan\n", 2, "learning_rate", "must be above 0"),
        ("[train_everything]\nwidth = 1\nwidth = 2\n", 3, "width", "a second time"),
        ("[train_everything]\n[a]\n[train_everything]\n", 3, None, "[train_everything] stands here a second time"),
        ("[a]\n[DEFAULT]\nwidth = 1\n[train_everything]\n", 2, None, "[DEFAULT] is refused"),
        ("width = 1\n", 1, None, "no section begins before"),
        ("[train_everything]\nwidth = 1\nnonsense\n", 3, None, "key = value"),
    ],
)
def test_refusals_name_file_line_key_and_fix(
    tmp_path: Path, text: str, line: int, key: str | None, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert (caught.value.line, caught.value.key) == (line, key)
    assert str(caught.value).startswith(f"{tmp_path / 'config.ini'}:{line}: ")
    assert message in str(caught.value)


def test_missing_file_and_missing_section(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="TRAINERGEN_CONFIG"):
        Everything.load(tmp_path / "config.ini")
    with pytest.raises(ConfigError, match=r"no section \[train_everything\]; did you mean train_everythin\?"):
        load(tmp_path, "[train_everythin]\n")


def test_overrides_win_and_their_errors_name_the_command_line(tmp_path: Path) -> None:
    assert load(tmp_path, "[train_everything]\nwidth = 1\n", width="7").width == 7
    with pytest.raises(ConfigError, match=r"command line: \[train_everything\] width: expected an int"):
        load(tmp_path, "[train_everything]\nwidth = 1\n", width="x")
    with pytest.raises(ConfigError, match=r"command line: \[train_everything\] batch_size: .*at least 1"):
        load(tmp_path, "[train_everything]\n", batch_size="0")


def test_where_the_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, width in (("class.ini", 1), ("environment.ini", 2), ("argument.ini", 3)):
        (tmp_path / name).write_text(f"[train_everything]\nwidth = {width}\n")
    monkeypatch.delenv("TRAINERGEN_CONFIG", raising=False)

    class Placed(Everything):
        CONFIG_FILE: ClassVar[Path | None] = tmp_path / "class.ini"

    assert Placed.load().width == 1
    monkeypatch.setenv("TRAINERGEN_CONFIG", str(tmp_path / "environment.ini"))
    assert Placed.load().width == 2
    assert Placed.load(tmp_path / "argument.ini").width == 3


def test_what_is_formatted_is_read_back() -> None:
    for value, annotation in (
        (None, int | None),
        (1e-05, float),
        ((1, 2), tuple[int, ...]),
        (True, bool),
        ((), tuple[int, ...]),
    ):
        assert decode(format_value(value), annotation) == value


def test_an_annotation_that_an_ini_file_cannot_hold_is_a_programming_error() -> None:
    with pytest.raises(TypeError, match=r"config\.ini can't hold"):
        decode("1", list[int])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("num_epochs", 0),
        ("scheduler_factor", 1.0),
        ("seed", -1),
        ("precision", "half"),
        ("learning_rate", "fast"),
        ("weight_decay", float("inf")),
    ],
)
def test_settings_out_of_range_name_their_field(field: str, value: object) -> None:
    with pytest.raises(SettingError, match=f"^{field} must be ") as caught:
        BaseTrainerConfig(**{field: value})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_sections_are_listed_in_order(tmp_path: Path) -> None:
    (tmp_path / "c.ini").write_text("[b]\n[a]\n")
    assert ConfigParser(tmp_path / "c.ini").sections() == ["b", "a"]
