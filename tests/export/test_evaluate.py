"""`trainergen evaluate`: the history's values again, to the bit; what it says of what is missing, changed or damaged."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.building import read_tree
from tests.cli.test_new import Run, schema

from .projects import train, write_project


def rewrite(path: Path, **changes: Any) -> None:
    """Change entries of a JSON object; None takes one out."""
    data = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))


def history(run: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(f"saved_models/runs/{run}/history.jsonl").read_text().splitlines()]


def test_a_checkpoint_gives_what_the_history_says_of_it_to_the_bit(trained: Path, trainergen: Run) -> None:
    folder = Path("saved_models/runs/points")
    before = read_tree(folder)
    best = min(history("points"), key=lambda record: record["validation"]["loss"])
    answer = trainergen("evaluate", "points", "--checkpoint", "best", "--json")
    assert answer.exit == 0, answer.stdout
    jsonschema.validate(answer.data, schema("evaluate"))
    result = answer.data["result"]
    assert result["metrics"] == best["validation"]  # as numbers: JSON keeps all their bits
    assert (result["epoch"], result["history"]["equal_bits"]) == (best["epoch"], True)
    assert set(result["metrics"]) == {"loss", "accuracy", "f1"} and result["notes"] == []
    after = read_tree(folder)
    (added,) = after.keys() - before.keys()
    assert added == "evaluations.jsonl" and {name: after[name] for name in before} == before
    line = json.loads((folder / added).read_text())
    assert (line["metrics"], line["split"], line["checkpoint"]) == (
        best["validation"],
        "validation",
        "checkpoints/best.pt",
    )


def test_resumable_checkpoints_know_their_epoch(trained: Path, trainergen: Run) -> None:
    first = sorted(Path("saved_models/runs/points/checkpoints").glob("step-*.pt"))[0]
    for checkpoint, epoch in (("last", 3), (str(first), 1), (first.name, 1)):
        result = trainergen("evaluate", "points", "--checkpoint", checkpoint, "--json").data["result"]
        assert (result["epoch"], result["history"]["equal_bits"]) == (epoch, True)
        assert result["metrics"] == history("points")[epoch - 1]["validation"]


def test_test_data_are_what_the_trainer_builds_for_them(trained: Path, trainergen: Run) -> None:
    answer = trainergen("evaluate", "tested", "--split", "test", "--json")
    result = answer.data["result"]
    assert answer.exit == 0 and result["history"] is None
    assert result["metrics"]["accuracy"] not in (None, history("tested")[-1]["validation"]["accuracy"])
    missing = trainergen("evaluate", "points", "--split", "test")
    assert missing.exit == 4
    assert "PointsTrainer has no test data" in missing.stdout
    assert "build_test_dataloader(cls, config)" in missing.stdout
    assert not Path("saved_models/runs/points/evaluations.jsonl").exists()


def test_a_run_is_found_from_elsewhere_by_its_folder(
    trained: Path, trainergen: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = trainergen("evaluate", str(trained / "saved_models/runs/points"), "--split", "train", "--json").data[
        "result"
    ]
    assert result["trainer"] == "trainers:PointsTrainer" and result["metrics"]["loss"] > 0


def test_a_torn_note_stays_by_itself(trained: Path, trainergen: Run) -> None:
    path = Path("saved_models/runs/points/evaluations.jsonl")
    path.write_text('{"at": "2026')
    assert trainergen("evaluate", "points", "--split", "train").exit == 0
    torn, whole = path.read_text().splitlines()
    assert torn == '{"at": "2026' and json.loads(whole)["split"] == "train"


def test_other_data_are_noticed(trained: Path, trainergen: Run) -> None:
    source = Path("trainers.py")
    source.write_text(source.read_text().replace("quadrants(40, 1)", "quadrants(39, 1)"))
    answer = trainergen("evaluate", "points", "--json")
    result = answer.data["result"]
    assert answer.exit == 0 and result["history"]["equal_bits"] is False
    assert result["history"]["differences"]["loss"] != 0
    assert any("samples than the run's: 40 -> 39" in note for note in result["notes"])


def test_the_class_is_found_by_its_name_where_the_manifest_does_not_say_it(trained: Path, trainergen: Run) -> None:
    manifest = Path("saved_models/runs/points/manifest.json")
    assert json.loads(manifest.read_text())["trainer_class"] == "trainers:PointsTrainer"
    rewrite(manifest, trainer_class=None)
    assert trainergen("evaluate", "points", "--json").data["result"]["trainer"] == "trainers:PointsTrainer"
    Path("others.py").write_text("class PointsTrainer:\n    pass\n")
    asked = trainergen("evaluate", "points")
    assert asked.exit == 4 and "--trainer trainers:PointsTrainer" in asked.stdout
    assert trainergen("evaluate", "points", "--trainer", "trainers:PointsTrainer").exit == 0
    rewrite(manifest, trainer="GoneTrainer")
    gone = trainergen("evaluate", "points")
    assert gone.exit == 4 and "no file of" in gone.stdout and "--project" in gone.stdout
    wrong = trainergen("evaluate", "points", "--trainer", "others:PointsTrainer")
    assert wrong.exit == 4 and "does not inherit trainergen's Trainer" in wrong.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "no run 'nothing'"),
        (("points", "--checkpoint", "nowhere.pt"), "--checkpoint nowhere.pt: no such file"),
        (("points", "--checkpoint", "last"), "there are: best, final"),
        (("points", "--checkpoint", "best"), "best.pt is damaged"),
        (("points", "--checkpoint", "final"), "is damaged, or no file of torch's: the checksum of"),
        (("tested",), "best.pt does not fit the Sequential that is built now"),
        (("unsteady",), "the run's settings don't fit BaseTrainerConfig as it is now: widht is no setting"),
    ],
)
def test_what_can_not_be_used_is_said(trained: Path, trainergen: Run, arguments: tuple[str, ...], said: str) -> None:
    runs = Path("saved_models/runs")
    best = runs / "points" / "checkpoints" / "best.pt"
    best.write_bytes(best.read_bytes()[:-100])
    for path in (runs / "points" / "checkpoints").glob("step-*.pt"):
        path.unlink()
    (final,) = (path for path in best.parent.glob("*.pt") if path != best)
    flipped = bytearray(final.read_bytes())
    with zipfile.ZipFile(final) as archive:
        place = max(archive.infolist(), key=lambda each: each.file_size)
    flipped[place.header_offset + 30 + len(place.filename) + 100] ^= 1  # in what it holds: torch would not notice
    final.write_bytes(flipped)
    source = Path("trainers.py")
    source.write_text(source.read_text().replace("class TestedTrainer(PointsTrainer):\n", CHANGED))
    config = json.loads((runs / "unsteady" / "manifest.json").read_text())["config"]
    rewrite(runs / "unsteady" / "manifest.json", config=config | {"widht": 3})
    answer = trainergen("evaluate", *arguments)
    assert answer.exit == 2, answer.stdout
    assert said in answer.stdout
    assert not list(runs.glob("*/evaluations.jsonl"))


def test_memory_that_is_not_there_is_told_as_in_training(trained: Path, trainergen: Run) -> None:
    source = Path("trainers.py")
    hungry = "    def compute_loss(self, batch):\n        torch.empty(1 << 48)\n        return super().compute_loss(batch)\n\n"
    class_line = "class TestedTrainer(PointsTrainer):\n"
    source.write_text(source.read_text().replace(class_line, class_line + hungry))
    answer = trainergen("evaluate", "tested", "--json")
    assert answer.exit == 5
    error = answer.data["result"]["error"]
    assert error["message"].startswith("TestedTrainer.evaluate: cpu is out of memory in evaluation: ")
    assert "trainers.py" in error["place"]
    assert "a smaller batch in the loader that is evaluated" in error["hint"] and "--limit memory=" in error["hint"]
    assert any("batch_size 16" in note for note in error["notes"])


CHANGED = """class TestedTrainer(PointsTrainer):
    @classmethod
    def build_model(cls, config):
        return nn.Sequential(nn.Linear(2, 4))

"""


@pytest.mark.slow
def test_averages_and_divided_models_are_what_was_validated(
    tmp_path: Path, trainergen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_project(tmp_path / "project")
    monkeypatch.chdir(project)
    train(project, "Points", "ema_decay=0.9", "num_epochs=2")
    for checkpoint in ("best", "final", "last"):
        result = trainergen("evaluate", "points", "--checkpoint", checkpoint, "--json").data["result"]
        assert result["history"]["equal_bits"], checkpoint
    train(project, "Tested", "ema_decay=0.9", "num_epochs=2", "strategy=fsdp", ranks=2)
    for checkpoint in ("final", "last"):
        result = trainergen("evaluate", "tested", "--checkpoint", checkpoint, "--json").data["result"]
        assert result["metrics"] == pytest.approx(history("tested")[-1]["validation"], rel=1e-5), checkpoint
    (newest,) = Path("saved_models/runs/tested/checkpoints").glob("step-*6.shards")
    (newest / ".metadata").unlink()
    answer = trainergen("evaluate", "tested", "--checkpoint", "last")
    assert answer.exit == 2 and "--checkpoint best or final" in answer.stdout
