"""`update`: what is generated now, merged with the user's edits, proven before it is written; a clash lists both sides."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_asking import NEEDY
from tests.cli.test_new import BATCH, DIGITS, NEW, Run, schema

TRAINER = "train/digits_net_trainer.py"
RECORD = ".trainergen/digits_net_trainer.json"
OTHER = DIGITS.replace("DigitsNet", "OtherNet")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_bytes()
    assert text.count(old.encode()) == 1, f"{old!r} stands {text.count(old.encode())} times in {path.name}"
    path.write_bytes(text.replace(old.encode(), new.encode()))


def times(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def made(project: Path, trainergen: Run) -> Path:
    """A project with one generated trainer."""
    write_tree(project, {"model.py": DIGITS})
    answer = trainergen(*NEW, "--batch", BATCH)
    assert answer.exit == 0, answer.stdout
    return project


def test_the_models_changes_and_the_users_are_both_there_and_undo_takes_only_ours_back(
    made: Path, trainergen: Run
) -> None:
    method = '\n    def mine(self) -> int:\n        """Ours."""\n        return 1\n'
    trainer = made / TRAINER
    trainer.write_bytes(trainer.read_bytes() + method.encode())
    edit(made / "config.ini", "learning_rate = 1e-3\n", "learning_rate = 5e-3  \n")
    edit(made / "config/train.py", "    num_epochs: int = 20", "    num_epochs: int = 3")
    (made / "config.ini").write_bytes(b"# ours\r\n" + (made / "config.ini").read_bytes())
    kept = times(made)
    nothing = trainergen("update", "--json")
    assert nothing.exit == 0, nothing.stdout
    jsonschema.validate(nothing.data, schema("update"))
    [part] = nothing.data["result"]["trainers"]
    verbs = {each["path"]: each["verb"] for each in part["files"]}
    assert verbs == {
        TRAINER: "keep",
        "config.ini": "keep",
        "config/train.py": "keep",
        "config/__init__.py": "identical",
        "train/__init__.py": "identical",
    }
    assert times(made) == kept

    edit(made / "model.py", "Classify 8x8 images of digits.", "Tell digits apart.")
    edit(made / "model.py", "hidden: int = 32", "hidden: int = 48")
    before = read_tree(made)
    dry = trainergen("update", "digitsnet", "--dry-run")
    assert dry.exit == 0, dry.stdout
    assert "+++ b/train/digits_net_trainer.py" in dry.stdout
    assert "mine" not in "".join(line for line in dry.stdout.splitlines() if line.startswith(("+", "-")))
    assert read_tree(made) == before

    answer = trainergen("update", "digitsnet")
    assert answer.exit == 0, answer.stdout
    said = {line.split()[1]: line.split()[0] for line in answer.stdout.splitlines()[:-1]}
    assert (said[TRAINER], said["config.ini"], said["config/__init__.py"]) == ("merge", "merge", "identical")
    assert {line.split()[1] for line in answer.stdout.splitlines() if line.split()[0] == "prove"} >= {
        "loss",
        "train.py",
    }
    text = trainer.read_text()
    assert "Tell digits apart." in text
    assert text.endswith(method)
    ini = (made / "config.ini").read_bytes()
    assert ini.startswith(b"# ours\r\n")
    assert b"learning_rate = 5e-3  \n" in ini
    assert b"model_hidden = 48" in ini
    assert "num_epochs: int = 3" in (made / "config/train.py").read_text()

    kept = times(made)
    again = trainergen("update")
    assert (again.exit, "but for your edits" in again.stdout) == (0, True), again.stdout
    assert times(made) == kept

    edit(trainer, "return 1", "return 2")
    later = dict(before)
    mode, data = later[TRAINER]
    assert isinstance(data, bytes)
    later[TRAINER] = (mode, data.replace(b"return 1", b"return 2"))
    undone = trainergen("undo")
    assert undone.exit == 0, undone.stdout
    assert read_tree(made) == later


@pytest.mark.slow
def test_a_clash_lists_both_sides_and_writes_nothing(made: Path, trainergen: Run) -> None:
    edit(made / "config.ini", "model_hidden = 32", "model_hidden = 64")
    edit(made / TRAINER, "`DigitsNet`. Classify 8x8 images of digits.", "`DigitsNet`, as I say.")
    edit(made / "model.py", "Classify 8x8 images of digits.", "Tell digits apart.")
    edit(made / "model.py", "hidden: int = 32", "hidden: int = 48")
    before = read_tree(made)
    for force in ((), ("--force",)):  # which takes whole generated files only
        answer = trainergen("update", *force, "--json")
        jsonschema.validate(answer.data, schema("update"))
        assert answer.exit == 3, answer.stdout
        error = answer.data["result"]["error"]
        whole = "\n".join([error["place"], *error["notes"]])
        line = (made / "config.ini").read_text().splitlines().index("model_hidden = 64") + 1
        assert f"config.ini:{line}" in whole
        assert "   | model_hidden = 64" in whole and "   | model_hidden = 48" in whole
        place = f"{TRAINER}:{(made / TRAINER).read_text().split('as I say')[0].count(chr(10)) + 1}"
        assert (place in whole) is not bool(force)
        assert read_tree(made) == before
    edit(made / "config.ini", "model_hidden = 64", "model_hidden = 48")
    assert trainergen("update").exit == 3
    forced = trainergen("update", "--force")
    assert forced.exit == 0, forced.stdout
    text = (made / TRAINER).read_text()
    assert ("Tell digits apart." in text, "as I say" in text) == (True, False)
    assert b"<<<<<<<" not in b"".join(path.read_bytes() for path in made.rglob("*.py"))


@pytest.mark.slow
def test_what_is_merged_must_pass_the_gates_and_the_proof(made: Path, trainergen: Run) -> None:
    edit(made / "model.py", "hidden: int = 32", "hidden: int = 48")
    trainer = (made / TRAINER).read_text()
    for theirs, says in (
        (trainer + "\n\ndef broken(:\n    pass\n", "TG000"),
        (trainer.replace("        return loss\n", "        return loss.detach()\n"), "TG002"),
    ):
        assert theirs != trainer
        (made / TRAINER).write_text(theirs)
        before = read_tree(made)
        answer = trainergen("update")
        assert answer.exit == 1, answer.stdout
        assert says in answer.stdout and "Nothing was written" in answer.stdout
        assert read_tree(made) == before


@pytest.mark.slow
def test_what_the_users_version_fails_too_is_his_own_affair(made: Path, trainergen: Run) -> None:
    mine = "        return 3 * loss\n\n    def unhinted(self, count):\n        return count\n"
    edit(made / TRAINER, "        return loss\n", mine)
    edit(made / "model.py", "hidden: int = 32", "hidden: int = 48")
    answer = trainergen("update", "--json")
    assert answer.exit == 0, answer.stdout
    [part] = answer.data["result"]["trainers"]
    advice = {each["probe"]: each["title"] for each in part["advice"]}
    assert advice["gate TG003"].endswith("; it was so before")
    assert advice["initial_loss"].endswith("; it was so before")
    assert "TG003" not in part["proof"]["gates"]
    jsonschema.validate(answer.data, schema("update"))
    assert mine in (made / TRAINER).read_text()


@pytest.mark.slow
def test_templates_the_generator_and_the_user_are_told_apart(made: Path, trainergen: Run) -> None:
    assert trainergen("check", "--drift").stdout.startswith("No drift (")
    house = "{# Ours. #}\n        self.step_of_ours = True\n        loss: torch.Tensor = {{ loss.expression }}\n"
    write_tree(
        made,
        {"house/blocks/loss.py.j2": house, "pyproject.toml": '[tool.trainergen]\ntemplates = "house"\n'},
    )
    edit(made / "config.ini", "learning_rate = 1e-3\n", "learning_rate = 5e-3\n")
    answer = trainergen("check", "--drift", "--json")
    jsonschema.validate(answer.data, schema("check"))
    assert (answer.exit, answer.data["next"]) == (1, ["trainergen update DigitsNetTrainer"])
    found = {each["path"]: (each["edited"], each["outdated"]) for each in answer.data["result"]["drift"]}
    assert found == {TRAINER: ("", "template"), "config.ini": ("edited", "")}

    edit(made / RECORD, '"generator": "trainergen ', '"generator": "trainergen 0.0.0+')  # an older one
    edit(made / "model.py", "hidden: int = 32", "hidden: int = 48")
    text = trainergen("check", "--drift", "digitsnet")
    assert text.exit == 1
    lines = {line.split()[1]: line for line in text.stdout.splitlines()[:-1]}
    assert "edited by you; outdated by trainergen" in lines["config.ini"]
    assert lines[TRAINER].split()[0] == "drift"

    updated = trainergen("update")
    assert updated.exit == 0, updated.stdout
    assert "self.step_of_ours = True" in (made / TRAINER).read_text()
    (made / "config/train.py").unlink()
    gone = trainergen("check", "--drift", "--json").data["result"]["drift"]
    assert {each["path"]: each["edited"] for each in gone} == {"config/train.py": "removed", "config.ini": "edited"}


@pytest.mark.slow
def test_answers_can_be_given_anew_and_are_kept(made: Path, trainergen: Run) -> None:
    answer = trainergen("update", "DigitsNetTrainer", "--optimizer", "sgd", "--model-arg", "hidden=(8)")
    assert answer.exit == 0, answer.stdout
    assert "return SGD(" in (made / TRAINER).read_text()
    assert json.loads((made / RECORD).read_text())["answers"]["optimizer"] == "sgd"
    assert trainergen("update").stdout.splitlines()[-1].startswith("Nothing to do (")
    edit(made / "model.py", "hidden: int = 32", "hidden: int = 32, licence: int = ...")
    moved = trainergen("update", "--model", "nowhere.py:DigitsNet")
    assert moved.exit == 2
    assert RECORD in moved.stdout


def test_an_answer_that_is_missing_is_asked_for(project: Path, trainergen: Run) -> None:
    batch = "x: float32[8,4]; colour: int64[8] < 3"
    easy = NEEDY.replace("licence: int, out: int = 3", "out: int = 3").replace("opened(licence)", "4")
    write_tree(project, {"model.py": easy})
    assert trainergen("new", "--model", "model.py:Needy", "--batch", batch).exit == 0
    write_tree(project, {"model.py": NEEDY})
    before = read_tree(project)
    answer = trainergen("update")
    assert answer.exit == 4, answer.stdout
    assert "trainergen update NeedyTrainer --model-arg licence=" in answer.stdout
    assert read_tree(project) == before


@pytest.mark.slow
def test_all_trainers_are_updated_or_none(made: Path, trainergen: Run) -> None:
    write_tree(made, {"other.py": OTHER})
    assert trainergen("new", "--model", "other.py:OtherNet", "--batch", BATCH).exit == 0
    which = trainergen("update")
    assert (which.exit, "DigitsNetTrainer, OtherNetTrainer, or say --all" in which.stdout) == (2, True)
    start = read_tree(made)
    for name in ("model.py", "other.py"):
        edit(made / name, "hidden: int = 32", "hidden: int = 48")
    edit(made / "config.ini", "[train_other_net]\n", "[train_other_net]\n# mine\n")
    edit(made / "config/train.py", "OtherNet's argument hidden.", "mine.")
    (made / "train/other_net_trainer.py").rename(made / "away.py")
    before = read_tree(made)
    refused = trainergen("update", "--all")
    assert refused.exit == 3, refused.stdout
    assert "train/other_net_trainer.py was removed since trainergen wrote it" in refused.stdout
    assert read_tree(made) == before
    (made / "away.py").rename(made / "train/other_net_trainer.py")
    before = read_tree(made)

    answer = trainergen("update", "--all")
    assert answer.exit == 0, answer.stdout
    assert (made / "config.ini").read_text().count("model_hidden = 48") == 2
    assert "# mine" in (made / "config.ini").read_text()
    assert trainergen("check", "--drift", "DigitsNet").exit == 0
    assert trainergen(*NEW, "--batch", BATCH).stdout.count("identical") == 5
    for name in ("DigitsNet", "OtherNet"):  # not in the order in which they were updated
        assert trainergen("undo", name).exit == 0
    assert read_tree(made) == before
    for name in ("model.py", "other.py"):
        edit(made / name, "hidden: int = 48", "hidden: int = 32")
    edit(made / "config.ini", "# mine\n", "")
    edit(made / "config/train.py", "mine.", "OtherNet's argument hidden.")
    assert read_tree(made) == start
    for name in ("DigitsNet", "OtherNet"):
        assert trainergen("undo", name).exit == 0
    assert {path.name for path in made.iterdir() if path.name != "__pycache__"} == {"model.py", "other.py"}


@pytest.mark.slow
def test_from_a_folder_below_the_record_means_the_same(
    project: Path, trainergen: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(project, {"pyproject.toml": "", "below/net.py": DIGITS})
    monkeypatch.chdir(project / "below")
    assert trainergen("new", "--model", "net.py:DigitsNet", "--batch", BATCH, "--no-proof").exit == 0
    assert json.loads((project / RECORD).read_text())["answers"]["model"] == "below/net.py:DigitsNet"
    answer = trainergen("update")
    assert answer.exit == 0, answer.stdout
    assert "Nothing to do (" in answer.stdout


def test_records_and_names_that_do_not_help(project: Path, trainergen: Run) -> None:
    nothing = trainergen("update")
    assert (nothing.exit, "no trainer was generated here" in nothing.stdout) == (2, True)
    write_tree(project, {"model.py": DIGITS})
    assert trainergen(*NEW, "--batch", BATCH, "--no-proof").exit == 0
    unknown = trainergen("update", "DigitNet")
    assert (unknown.exit, "did you mean DigitsNetTrainer?" in unknown.stdout) == (2, True)
    both = trainergen("update", "DigitsNet", "--all", "--json")
    assert both.exit == 2
    jsonschema.validate(both.data, schema("update"))

    record = (project / RECORD).read_bytes()
    for damaged in (b"", b"{", record.replace(b'"schema"', b'"scheme"'), record.replace(b'"model"', b'"modle"'), b"[]"):
        (project / RECORD).write_bytes(damaged)
        answer = trainergen("update")
        assert answer.exit == 3, answer.stdout
        assert "the record can't be read" in answer.stdout and RECORD in answer.stdout
    (project / RECORD).unlink()
    missing = trainergen("update", "digitsnet")
    assert missing.exit == 3
    assert "DigitsNetTrainer is in the registry, but it has no record" in missing.stdout


def test_check_runs_the_gates_over_what_is_there(made: Path, trainergen: Run) -> None:
    clean = trainergen("check")
    assert (clean.exit, "no gate found anything" in clean.stdout) == (0, True), clean.stdout
    edit(made / TRAINER, "        return loss\n", "        return loss.detach()\n")
    line = (made / TRAINER).read_text().splitlines().index("        return loss.detach()") + 1
    for arguments in ((), (TRAINER,), ("train",)):
        found = trainergen("check", *arguments)
        assert found.exit == 1
        assert f"{TRAINER}:{line}:21" in found.stdout and "TG002 " in found.stdout
    as_data = trainergen("check", TRAINER, "--json")
    jsonschema.validate(as_data.data, schema("check"))
    assert "TG002" in [each["code"] for each in as_data.data["result"]["findings"]]
    missing = trainergen("check", "train/digit_net_trainer.py")
    assert (missing.exit, "did you mean digits_net_trainer.py?" in missing.stdout) == (2, True)
