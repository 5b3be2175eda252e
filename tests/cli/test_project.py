"""`trainergen project`: what it tells of a project, as text and as data, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

from tests.building import read_tree, write_tree
from tests.cli.test_new import Run, schema
from tests.inspection.training_projects import CONTRADICTED, LOSS_RETURNING, MONOREPO, WINDING, Tree
from tests.projects import project as made


def rows(text: str) -> list[list[str]]:
    """Each line in its columns."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def test_a_project_is_told_and_nothing_is_written(project: Path, trainergen: Run) -> None:
    write_tree(project, LOSS_RETURNING | {"broken.py": "class FogTrainer(:\n"})
    before = read_tree(project)
    answer = trainergen("project")
    assert answer.exit == 0, answer.stdout
    said = [" ".join(row) for row in rows(answer.stdout)]
    assert "choose base Trainer train/base_trainer.py:9 base-trainer" in said
    assert "read train/red_wine_trainer.py:13 class RedWineTrainer: Grades wine." in said
    assert (
        "read train.py:16 python train.py: the trainer by its place, --list lists them, --max-steps 2 ends it early entry-point"
        in said
    )
    assert "style train/{snake}_trainer.py named {Camel}Trainer" in said
    assert "read dataloader/wine.py:9 factory build_wine_loader" in said
    assert any(line.startswith("skip broken.py:1 syntax error") for line in said)
    assert said[-1].startswith("Read in ") and "a new trainer follows Trainer." in said[-1]
    assert read_tree(project) == before


def test_registry_settings_and_contract_are_told(project: Path, trainergen: Run) -> None:
    write_tree(project, dict(made("first-shape", "decorator", "yaml")))
    said = [" ".join(row) for row in rows(trainergen("project").stdout)]
    assert "read train/diabetes_trainer.py:19 registry register (decorator): diabetes, wine registry" in said
    assert "read config/wine.yaml:1 settings {snake} (yaml_file) config" in said
    assert any(line.startswith("read contract loss returning compute_loss gives the loss") for line in said)


@pytest.mark.parametrize("tree", [LOSS_RETURNING, CONTRADICTED, MONOREPO, WINDING, dict(made("third-shape")), {}])
def test_the_data_has_the_published_form(project: Path, trainergen: Run, tree: Tree) -> None:
    write_tree(project, tree)
    answer = trainergen("project", "--json")
    assert answer.exit == 0, answer.stdout
    jsonschema.validate(answer.data, schema("project"))
    assert trainergen("project", "--json").stdout == answer.stdout


def test_the_data_says_what_the_text_does(project: Path, trainergen: Run) -> None:
    write_tree(project, dict(made("third-shape", "dict", "ini")))
    result = trainergen("project", "--json").data["result"]
    (base,) = result["bases"]
    assert result["chosen"] == base["name"] == "train.base_trainer:BaseTrainer"
    assert base["required"] == ["train", "save_metrics", "loss_fn", "save_checkpoint", "save_model"]
    assert base["constructor"] == []
    assert [each["name"] for each in base["siblings"]] == [
        "train.diabetes_trainer:DiabetesTrainer",
        "train.wine_trainer:WineTrainer",
    ]
    assert base["siblings"][0]["before_super"][:2] == ["config", "model"]
    assert result["contract"] == "full_loop"
    assert [(each["symbol"], each["keys"]) for each in result["registries"]] == [
        ("TRAINER_REGISTRY", ["wine", "diabetes"])
    ]
    assert result["config"]["symbol"] == "{Camel}TrainerConfig"


def test_two_bases_are_asked_about_and_a_setting_answers(project: Path, trainergen: Run) -> None:
    write_tree(project, MONOREPO)
    asked = trainergen("project")
    assert asked.exit == 0
    said = [" ".join(row) for row in rows(asked.stdout)]
    assert "ask base Trainer packages/text/text/trainer.py:1 base-trainer" in said
    assert "ask base BaseTrainer packages/vision/vision/trainer.py:1 base-trainer" in said
    assert said[-1].startswith("2 bases are as likely")
    write_tree(project, {"pyproject.toml": '[tool.trainergen]\nbase-trainer = "text.trainer:Trainer"\n'})
    result = trainergen("project", "--json").data["result"]
    assert (result["chosen"], result["by_setting"], result["undecided"]) == ("text.trainer:Trainer", True, False)


@pytest.mark.parametrize(
    ("key", "value", "message", "hint"),
    [
        ("base-trainer", "text.trainer:Trianer", "base-trainer text.trainer:Trianer: no class Trianer", "text.trainer:Trainer"),
        ("entry-point", "python nowhere.py", "entry-point python nowhere.py: no such program", "there are none"),
        ("base-trainr", "x", "has no key 'base-trainr'", "base-trainer"),
    ],
)  # fmt: skip
def test_a_setting_that_names_nothing_is_refused_with_its_line(
    project: Path, trainergen: Run, key: str, value: str, message: str, hint: str
) -> None:
    write_tree(project, MONOREPO | {"pyproject.toml": f"[tool.trainergen]\n{key} = {json.dumps(value)}\n"})
    answer = trainergen("project", "--json")
    assert answer.exit == 2
    jsonschema.validate(answer.data, schema("project"))
    error = answer.data["result"]["error"]
    assert message in error["message"]
    assert error["place"] == "pyproject.toml:2"
    assert hint in error["hint"]


def test_documentation_that_contradicts_the_code_is_told(project: Path, trainergen: Run) -> None:
    write_tree(project, CONTRADICTED)
    said = [" ".join(row) for row in rows(trainergen("project").stdout)]
    assert (
        "advise README.md:6 trainers inherit from AbstractTrainer; the code wins:"
        " no class AbstractTrainer here; they inherit from Trainer, train/base_trainer.py:9" in said
    )


def test_a_project_without_trainers_gets_ours(project: Path, trainergen: Run) -> None:
    write_tree(project, {"model.py": "import torch\n"})
    answer = trainergen("project")
    assert answer.exit == 0
    assert "a new trainer follows trainergen's own." in answer.stdout
    assert trainergen("init").exit == 0
    assert "trainergen's own project stands here" in trainergen("project").stdout
