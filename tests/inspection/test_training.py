"""How a project trains, read from its source: base trainers, siblings, entry point, style, data, documentation."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.building import write_tree
from tests.inspection.training_projects import (
    ARGUMENTLESS,
    CONTRADICTED,
    EPOCH_LEVEL,
    HYDRA,
    LOSS_RETURNING,
    MONOREPO,
    STEPPING,
    TASKS,
    WIDER,
    WINDING,
    Tree,
)
from tests.projects import CONTRACTS, REGISTRIES, possible, project
from trainergen.errors import UnusableInput
from trainergen.inspection.training import ProjectIndex, read_training
from trainergen.inspection.training_facts import TrainingFacts
from trainergen.settings import Settings, read_settings

BASE = "class BaseTrainer:\n    def train(self):\n        raise NotImplementedError\n"
WINE = "from base import BaseTrainer\n\n\nclass WineTrainer(BaseTrainer):\n    def train(self):\n        return 1\n"


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


def read(root: Path, tree: Tree, **settings: str) -> TrainingFacts:
    return read_training(write_tree(root, tree), settings=Settings(**settings))  # type: ignore[arg-type]


def siblings(facts: TrainingFacts) -> list[str]:
    assert facts.chosen is not None
    return [each.name for each in facts.chosen.siblings]


# ---------------------------------------------------------------------------------------------- base trainers


@pytest.mark.parametrize(
    ("tree", "base", "required", "names"),
    [
        (LOSS_RETURNING, "train.base_trainer:Trainer", ["compute_loss"], ["RedWineTrainer", "TideTrainer"]),
        (WIDER, "train.base_trainer:Trainer", ["compute_loss"], ["RedWineTrainer", "TideTrainer"]),
        (
            ARGUMENTLESS,
            "trainers.base:BaseTrainer",
            ["train", "save_metrics", "loss_fn", "save_checkpoint", "save_model"],
            ["HopTrainer"],
        ),
        (EPOCH_LEVEL, "graph_train.base_trainer:BaseTrainer", ["train_epoch", "evaluate"], ["SimpleTrainer"]),
        (WINDING, "acme.supervised:SupervisedTrainer", ["compute_loss"], ["DeepSeaJob", "SeaBedJob", "SkyJob"]),
        (HYDRA, "src_trainers:Runner", ["fit"], ["MossRunner"]),
        (STEPPING, "models.base_model:BaseModel", ["set_input", "optimize_parameters"], ["StyleSwapModel"]),
        (TASKS, "lib.tasks.task:Task", ["load_rows"], ["TranslationTask"]),
    ],
)
def test_the_base_is_found_with_what_it_asks_for_and_who_inherits(
    tmp_path: Path, tree: Tree, base: str, required: list[str], names: list[str]
) -> None:
    facts = read(tmp_path, tree)
    assert facts.chosen is not None
    assert f"{facts.chosen.facts.module}:{facts.chosen.facts.name}" == base
    assert [each.name for each in facts.chosen.inherited.values() if each.required] == required
    assert siblings(facts) == names
    assert not facts.undecided
    assert facts.chosen.reasons
    assert any(facts.chosen.facts.file in reason for reason in facts.chosen.reasons)


@pytest.mark.parametrize("contract", [each for each in CONTRACTS if each != "functions"])
@pytest.mark.parametrize("registry", list(REGISTRIES))
def test_the_base_of_every_test_project_is_found(tmp_path: Path, contract: str, registry: str) -> None:
    facts = read(tmp_path, dict(project(contract, registry)))
    assert siblings(facts) == ["DiabetesTrainer", "WineTrainer"]
    assert facts.entry is not None
    assert (facts.entry.command, facts.entry.selects, facts.entry.lists) == ("python train.py", "positional", "--list")
    assert (facts.style.file_name, facts.style.class_name) == ("train/{snake}_trainer.py", "{Camel}Trainer")
    assert facts.contradictions == () and facts.damaged == ()


def test_functions_of_one_name_are_told_apart_by_their_files(tmp_path: Path) -> None:
    text = "import torch\n\n\ndef train(config):\n    return 1\n"
    facts = read(
        tmp_path, {"jobs/train_red_wine.py": text, "jobs/train_tide.py": text, "jobs/tools.py": "def fit(x): ...\n"}
    )
    assert siblings(facts) == ["train", "train"]
    assert (facts.style.file_name, facts.style.class_name) == ("jobs/train_{snake}.py", "train")
    other = read(tmp_path / "b", {"jobs/a.py": text, "model.py": "import torch\n\n\ndef train_model(m): ...\n"})
    assert other.chosen is None


@pytest.mark.parametrize("registry", [each for each in REGISTRIES if possible("functions", each)])
def test_functions_that_train_a_model_each_are_siblings(tmp_path: Path, registry: str) -> None:
    facts = read(tmp_path, dict(project("functions", registry)))
    assert siblings(facts) == ["train_diabetes", "train_wine"]
    assert facts.chosen is not None and facts.chosen.facts.is_function
    assert [each.name for each in facts.chosen.facts.methods[0].parameters] == ["config", "output_dir"]
    assert (facts.style.file_name, facts.style.class_name) == ("train/{snake}_training.py", "train_{snake}")


def test_the_signature_that_is_there_is_read(tmp_path: Path) -> None:
    facts = read(tmp_path, WIDER)
    assert facts.chosen is not None
    start = facts.chosen.method("__init__")
    assert start is not None
    assert [(each.name, each.kind, each.default) for each in start.parameters] == [
        ("model", "positional", None),
        ("dataloader", "positional", None),
        ("optimizer", "positional", None),
        ("config", "positional", None),
        ("val_dataloader", "keyword", "None"),
        ("scheduler", "keyword", "None"),
        ("run_name", "keyword", "None"),
    ]


def test_what_is_set_before_the_base_starts_is_told(tmp_path: Path) -> None:
    facts = read(tmp_path, ARGUMENTLESS)
    assert facts.chosen is not None
    assert facts.chosen.siblings[0].before_super == ("config", "model", "optimizer", "dataloader", "progress")


def test_two_bases_that_are_as_likely_are_for_the_user_to_decide(tmp_path: Path) -> None:
    facts = read(tmp_path, MONOREPO)
    assert facts.chosen is None and facts.undecided
    assert {f"{each.facts.module}:{each.facts.name}" for each in facts.bases} == {
        "vision.trainer:BaseTrainer",
        "text.trainer:Trainer",
    }
    for wanted in ("text.trainer:Trainer", "text.trainer.Trainer", "packages/text/text/trainer.py:Trainer", "Trainer"):
        decided = read(tmp_path, {}, base_trainer=wanted)
        assert decided.by_setting and not decided.undecided
        assert siblings(decided) == ["TitleTrainer"]
    ours = read(tmp_path, {}, base_trainer="default")
    assert ours.chosen is None and ours.by_setting and not ours.undecided


def test_a_base_with_far_more_trainers_is_the_one_that_is_meant(tmp_path: Path) -> None:
    more: Tree = {
        f"packages/vision/vision/pet{number}.py": "from vision.trainer import BaseTrainer\n\n\n"
        f"class Pet{number}Trainer(BaseTrainer):\n    def loss(self, batch):\n        return 0\n"
        for number in range(2)
    }
    facts = read(tmp_path, MONOREPO | more)
    assert facts.chosen is not None and facts.chosen.facts.module == "vision.trainer"


@pytest.mark.parametrize(
    ("wanted", "says", "hint"),
    [
        ("vision.trainer:BaseTrainr", "no class BaseTrainr", "did you mean vision.trainer:BaseTrainer?"),
        ("BaseTrianer", "no class BaseTrianer", "did you mean BaseTrainer?"),
        (
            "vison.trainer:BaseTrainer",
            "no module vison.trainer in this project",
            "did you mean vision.trainer:BaseTrainer?",
        ),
        ("lightning:Trainer", "no module lightning in this project", ""),
    ],
)
def test_a_base_that_is_not_there_is_refused(tmp_path: Path, wanted: str, says: str, hint: str) -> None:
    tree: Tree = MONOREPO | {
        "pyproject.toml": f"[tool.trainergen]\nvendor = true\nbase-trainer = {json.dumps(wanted)}\n"
    }
    root = write_tree(tmp_path, tree)
    with pytest.raises(UnusableInput) as caught:
        read_training(root, settings=read_settings(root))
    assert says in caught.value.message
    assert caught.value.place == "pyproject.toml:3"
    assert caught.value.hint is not None and hint in caught.value.hint


def test_a_name_that_two_classes_have_is_asked_back(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="2 classes have that name") as caught:
        read(tmp_path, {"a.py": BASE, "b.py": BASE}, base_trainer="BaseTrainer")
    assert caught.value.hint == "say which: a:BaseTrainer, b:BaseTrainer"


@pytest.mark.parametrize(
    "source",
    [
        "from lightning import LightningModule\n\n\nclass BaseTrainer(LightningModule):\n    def training_step(self, b): ...\n",
        "from transformers import Trainer\n\n\nclass BaseTrainer(Trainer):\n    def compute_loss(self, m, i): ...\n",
        "from lightning import Callback\n\n\nclass TrainerBase(Callback):\n    def train(self): ...\n",
        "from typing import Protocol\n\n\nclass BaseTrainer(Protocol):\n    def train(self): ...\n",
        "class TrainerMixin:\n    def train(self): ...\n    def fit(self): ...\n",
        "from torch import nn\n\n\nclass Base(nn.Module):\n    def train(self): ...\n    def fit(self): ...\n",
        "from torch import nn\n\n\nclass PreTrainedModel(nn.Module):\n    def forward(self, x):\n        raise NotImplementedError\n",
        "class TrainerState:\n    def train(self): ...\n",
        "class BaseTrainerConfig:\n    def train(self): ...\n",
        "class Base:\n    def fit(self): ...\n    def train(self): ...\n    def predict(self): ...  # backward(\n",
        "class Client:\n    def train(self):\n        raise NotImplementedError\n\n    def evaluate(self): ...\n",
        "class FakeTrainer:\n    def train(self):\n        raise NotImplementedError\n",
    ],
)
def test_what_is_no_base_of_the_projects_own_is_left_alone(tmp_path: Path, source: str) -> None:
    name = source.partition("class ")[2].partition("(")[0].partition(":")[0]
    user = f"from base import {name}\n\n\nclass WineTrainer({name}):\n    def go(self):\n        return 1\n"
    facts = read(tmp_path, {"base.py": source, "wine.py": user})
    assert facts.chosen is None
    assert facts.bases == ()


def test_a_base_from_an_installed_package_is_none_of_the_projects(tmp_path: Path) -> None:
    tree: Tree = {
        "wine.py": WINE.replace("from base", "from trainlib.base"),
        ".venv/pyvenv.cfg": "",
        ".venv/lib/python3.12/site-packages/trainlib/base.py": BASE,
        "env/pyvenv.cfg": "",
        "env/lib/trainlib/base.py": BASE,
        "build/lib/base.py": BASE,
        "node_modules/base.py": BASE,
    }
    facts = read(tmp_path, tree)
    assert (facts.chosen, facts.bases) == (None, ())
    assert ProjectIndex(tmp_path).files == ("wine.py",)


def test_a_base_that_only_tests_inherit_from_has_no_siblings(tmp_path: Path) -> None:
    double = WINE.replace("WineTrainer", "StubbedTrainer")
    facts = read(tmp_path, {"base.py": BASE, "tests/test_base.py": double, "tests/fakes.py": double})
    assert facts.chosen is not None
    assert facts.chosen.siblings == ()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"legacy/base.py": BASE, "legacy/a.py": WINE.replace("base", "legacy.base")}, {}),
        ({"v.py": BASE.replace(":\n", ':\n    """Deprecated: use the other."""\n', 1)}, {}),
    ],
)
def test_what_is_outdated_is_not_followed(tmp_path: Path, old: Tree, new: Tree) -> None:
    facts = read(tmp_path, {"base.py": BASE, "wine.py": WINE, "tide.py": WINE.replace("Wine", "Tide")} | old | new)
    assert facts.chosen is not None and facts.chosen.facts.file == "base.py"
    assert len(facts.bases) == 2


def test_the_newer_version_is_followed(tmp_path: Path) -> None:
    second = BASE.replace("BaseTrainer", "BaseTrainerV2")
    tree: Tree = {"base.py": BASE + "\n\n" + second, "wine.py": WINE, "tide.py": WINE.replace("Wine", "Tide")}
    tree["fog.py"] = WINE.replace("Wine", "Fog").replace("BaseTrainer", "BaseTrainerV2")
    facts = read(tmp_path, tree)
    assert facts.chosen is not None and facts.chosen.facts.name == "BaseTrainerV2"
    older = next(each for each in facts.bases if each.facts.name == "BaseTrainer")
    assert "has a newer version: BaseTrainerV2 base.py:6" in older.reasons


def test_trainers_that_inherit_from_nothing_are_told_apart(tmp_path: Path) -> None:
    alone = "class {0}Trainer:\n    def train(self):\n        return 1\n\n    def evaluate(self):\n        return 2\n"
    facts = read(
        tmp_path, {"jobs/train_wine.py": alone.format("Wine"), "jobs/train_red_tide.py": alone.format("RedTide")}
    )
    assert facts.bases == ()
    assert [each.name for each in facts.standalone] == ["RedTideTrainer", "WineTrainer"]
    assert facts.style.file_name == "jobs/train_{snake}.py"


@pytest.mark.parametrize("package", ["", "training/"])
def test_our_own_project_is_ours(tmp_path: Path, package: str) -> None:
    tree: Tree = {
        f"{package}train/__init__.py": "TRAINER_REGISTRY = {}\n",
        f"{package}train/base_trainer.py": "from ._runtime import Trainer\n",
        f"{package}train/_runtime/__init__.py": "from .trainer import Trainer\n",
        f"{package}train/_runtime/trainer.py": BASE.replace("BaseTrainer", "Trainer"),
    }
    facts = read(tmp_path, tree)
    assert facts.ours and facts.chosen is None and not facts.undecided


def test_what_runs_is_a_trainer_where_it_runs_torch(tmp_path: Path) -> None:
    base = "class Runner:\n    def run(self):\n        raise NotImplementedError\n"
    queue = "from base import Runner\n\n\nclass {0}Runner(Runner):\n    def run(self):\n        return 1\n"
    tree: Tree = {"base.py": base, "mail.py": queue.format("Mail"), "wine.py": queue.format("Wine")}
    assert read(tmp_path, tree).bases == ()
    facts = read(tmp_path, tree | {"wine.py": "import torch\n" + queue.format("Wine")})
    assert siblings(facts) == ["MailRunner", "WineRunner"]


def test_a_base_of_another_name_is_known_by_training(tmp_path: Path) -> None:
    base = "class Base:\n    def optimize_parameters(self):\n        raise NotImplementedError\n\n    def test(self): ...\n"
    child = WINE.replace("BaseTrainer", "Base").replace("def train", "def optimize_parameters")
    facts = read(tmp_path, {"base.py": base, "wine.py": child.replace("return 1", "self.loss.backward()")})
    assert siblings(facts) == ["WineTrainer"]


def test_what_was_generated_does_not_decide(tmp_path: Path) -> None:
    root = write_tree(tmp_path, {"base.py": BASE, "wine.py": WINE, "fog.py": WINE.replace("Wine", "Fog")})
    assert siblings(read_training(root, settings=None)) == ["FogTrainer", "WineTrainer"]
    assert siblings(read_training(root, settings=None, exclude_generated=frozenset({"fog.py"}))) == ["WineTrainer"]


def test_nothing_of_the_project_is_imported(tmp_path: Path) -> None:
    loud = "raise SystemExit('imported')\n\n\n"
    facts = read(tmp_path, {"base.py": loud + BASE, "wine.py": loud + WINE})
    assert siblings(facts) == ["WineTrainer"]
    assert "base" not in sys.modules


# ---------------------------------------------------------------------------------------------- files of every kind


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: b"# -*- coding: latin-1 -*-\n" + text.replace("class", "# caf\xe9\nclass").encode("latin-1"),
        lambda text: text.rstrip("\n").encode(),
        lambda text: text.replace("    ", "\t").encode(),
    ],
    ids=["crlf", "bom", "latin-1", "no-final-newline", "tabs"],
)
def test_a_file_may_be_written_in_any_manner(tmp_path: Path, encode: object) -> None:
    assert callable(encode)
    facts = read(tmp_path, {"base.py": encode(BASE), "wine.py": encode(WINE)})
    assert siblings(facts) == ["WineTrainer"]
    assert facts.damaged == ()
    assert facts.chosen is not None
    assert [each.name for each in facts.chosen.inherited.values() if each.required] == ["train"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("class FogTrainer(BaseTrainer:\n", "1: syntax error"),
        ("<<<<<<< HEAD\nclass FogTrainer(BaseTrainer):\n", "1: syntax error"),
        (b"class FogTrainer(BaseTrainer): x = '\xff'\n", "1: "),
        ("class FogTrainer: x = 1\n\0", "1: "),
        ("class FogTrainer:\n    x = " + "(" * 400 + ")" * 400 + "\n", "2: syntax error: too many nested parentheses"),
        ("class FogTrainer: ...\n" + "x = 1\n" * 200_000, "1: larger than 1 MiB, not read"),
    ],
    ids=["syntax", "merge", "encoding", "null", "nested", "huge"],
)
def test_a_damaged_file_is_passed_over_and_named(tmp_path: Path, content: str | bytes, says: str) -> None:
    facts = read(tmp_path, {"base.py": BASE, "wine.py": WINE, "fog.py": content})
    assert siblings(facts) == ["WineTrainer"]
    (damage,) = facts.damaged
    assert damage.startswith(f"fog.py:{says}")


# ---------------------------------------------------------------------------------------------- layout


@pytest.mark.parametrize(
    ("tree", "roots", "layout", "module"),
    [
        ({"base.py": BASE}, ("",), "flat", "base"),
        ({"pkg/__init__.py": "", "pkg/base.py": BASE}, ("",), "flat", "pkg.base"),
        ({"pkg/base.py": BASE}, ("",), "namespace", "pkg.base"),
        ({"src/pkg/__init__.py": "", "src/pkg/base.py": BASE}, ("src", ""), "src", "pkg.base"),
        ({"src/base.py": BASE}, ("src", ""), "src", "base"),
        ({"src/__init__.py": "", "src/base.py": BASE}, ("",), "flat", "src.base"),
        ({"lib/pkg/__init__.py": "", "lib/pkg/base.py": BASE}, ("lib", ""), "src", "pkg.base"),
        (
            {"code/base.py": BASE, "pyproject.toml": "[tool.setuptools.packages.find]\nwhere = ['code']\n"},
            ("code", ""),
            "src",
            "base",
        ),
        ({"pkg/__init__.py": "", "pkg/base.py": BASE, "tools/x/__init__.py": ""}, ("", "tools"), "flat", "pkg.base"),
        (
            {"a/x/__init__.py": "", "a/x/base.py": BASE, "b/y/__init__.py": "", "b/y/z.py": "", "b/y/w.py": ""},
            ("", "b", "a"),
            "flat",
            "x.base",
        ),
    ],
)
def test_import_names_start_where_they_do(
    tmp_path: Path, tree: Tree, roots: tuple[str, ...], layout: str, module: str
) -> None:
    facts = read(tmp_path, tree)
    assert (facts.roots, facts.layout) == (roots, layout)
    assert facts.bases[0].facts.module == module


def test_scripts_import_from_their_own_folder(tmp_path: Path) -> None:
    facts = read(tmp_path, {"code/base.py": BASE, "code/wine.py": WINE})
    assert siblings(facts) == ["WineTrainer"]


# ---------------------------------------------------------------------------------------------- entry points


@pytest.mark.parametrize(
    ("tree", "command", "kind", "selects", "lists", "bounds"),
    [
        (LOSS_RETURNING, "python train.py", "script", "positional", "--list", (("--max-steps", "2"),)),
        (ARGUMENTLESS, "python train.py", "script", "--trainer", "--list", ()),
        (EPOCH_LEVEL, "python -m graph_train", "module", "positional", "", (("--num-epochs", "1"),)),
        (WINDING, "acme-train", "console-script", "--job", "", (("--max_iters", "2"), ("--fast-dev-run", ""))),
        (HYDRA, "python train.py", "script", "trainer=", "", (("loop.max_epochs=", "1"),)),
        (STEPPING, "python train.py", "script", "--model", "", (("--n_epochs", "1"),)),
        (TASKS, "python train.py", "script", "--task", "", (("--max-update", "2"),)),
    ],
)
def test_the_entry_point_is_found_with_its_options(
    tmp_path: Path, tree: Tree, command: str, kind: str, selects: str, lists: str, bounds: tuple[tuple[str, str], ...]
) -> None:
    entry = read(tmp_path, tree).entry
    assert entry is not None
    assert (entry.command, entry.kind, entry.selects, entry.lists) == (command, kind, selects, lists)
    assert entry.bounds == bounds


MAIN = '\n\nif __name__ == "__main__":\n    main()\n'


@pytest.mark.parametrize(
    ("tree", "command", "selects"),
    [
        ({"main.py": "import fire\n\n\ndef run(name, epochs=3): ...\n\n\nif __name__ == '__main__':\n    fire.Fire(run)\n"}, "python main.py", "--name"),
        (
            {"pkg/__init__.py": "", "pkg/train.py": "from .args import get_parser\n\n\ndef main():\n    get_parser().parse_args()\n" + MAIN,
             "pkg/args.py": "import argparse\n\n\ndef get_parser():\n    p = argparse.ArgumentParser()\n    p.add_argument('-m', '--model')\n    return p\n"},
            "python -m pkg.train",
            "--model",
        ),
        (
            {"train.py": "import typer\n\napp = typer.Typer()\n\n\n@app.command()\ndef main(task: str, max_steps: int = 3): ...\n\n\nif __name__ == '__main__':\n    app()\n"},
            "python train.py",
            "positional",
        ),
        ({"evaluate.py": "import argparse\n" + MAIN, "tools/train_net.py": "import argparse\n" + MAIN}, "python tools/train_net.py", ""),
        ({"setup.cfg": "[options.entry_points]\nconsole_scripts =\n    go-train = pkg.go:main\n", "pkg/go.py": "def main(): ...\n"}, "go-train", ""),
    ],
    ids=["fire", "delegated", "typer", "by-name", "setup.cfg"],
)  # fmt: skip
def test_programs_of_every_kind_are_read(tmp_path: Path, tree: Tree, command: str, selects: str) -> None:
    entry = read(tmp_path, tree).entry
    assert entry is not None
    assert (entry.command, entry.selects) == (command, selects)


def test_the_user_names_the_entry_point(tmp_path: Path) -> None:
    tree: Tree = LOSS_RETURNING | {"go.py": "import argparse\n" + MAIN}
    for wanted in ("go.py", "python go.py", "go"):
        entry = read(tmp_path, tree, entry_point=wanted).entry
        assert entry is not None and entry.command == "python go.py"
    with pytest.raises(UnusableInput, match=r"entry-point trian.py: no such program") as caught:
        read(tmp_path, tree, entry_point="trian.py")
    assert caught.value.hint == "did you mean python train.py?"


# ---------------------------------------------------------------------------------------------- style, data


def test_the_style_is_the_siblings(tmp_path: Path) -> None:
    style = read(tmp_path / "a", LOSS_RETURNING).style
    assert (style.file_name, style.class_name) == ("train/{snake}_trainer.py", "{Camel}Trainer")
    assert (style.relative_imports, style.future_annotations, style.hints) == (True, True, True)
    assert (style.docstrings, style.quotes) == ("google", "double")
    assert (style.logger_name, style.logger) == (
        "logger",
        ("import logging", "logger = logging.getLogger(__name__)"),
    )
    other = read(tmp_path / "b", ARGUMENTLESS).style
    assert (other.file_name, other.quotes, other.hints, other.docstrings) == (
        "trainers/{snake}.py",
        "single",
        False,
        "none",
    )
    assert (other.relative_imports, other.logger) == (False, ("from beautilog import logger",))


@pytest.mark.parametrize(
    ("trainers", "file_name", "class_name"),
    [
        ({"t/redwine.py": "RedWineTrainer", "t/tide.py": "TideTrainer"}, "t/{lower}.py", "{Camel}Trainer"),
        ({"t/trainer_red_wine.py": "TrainerRedWine", "t/trainer_tide.py": "TrainerTide"}, "t/trainer_{snake}.py", "Trainer{Camel}"),
        ({"t/RedWineTrainer.py": "RedWineTrainer", "t/TideTrainer.py": "TideTrainer"}, "t/{Camel}Trainer.py", "{Camel}Trainer"),
        ({"t/red_wine/trainer.py": "RedWineTrainer", "t/tide/trainer.py": "TideTrainer"}, "t/{snake}/trainer.py", "{Camel}Trainer"),
        ({"t/red_wine.py": "RedWineNetTrainer", "t/tide.py": "TideNetTrainer"}, "t/{snake}.py", "{Camel}Trainer"),
        ({"t/tide.py": "TideTrainer"}, "t/{snake}.py", "{Camel}Trainer"),
        ({"t/tide.py": "TideExperiment"}, "t/{snake}.py", "{Camel}Experiment"),
    ],
)  # fmt: skip
def test_names_follow_the_siblings(tmp_path: Path, trainers: dict[str, str], file_name: str, class_name: str) -> None:
    tree: Tree = {path: WINE.replace("WineTrainer", name) for path, name in trainers.items()}
    style = read(tmp_path, tree | {"base.py": BASE}).style
    assert (style.file_name, style.class_name) == (file_name, class_name)


def test_a_logger_of_the_base_and_a_function_that_gives_one(tmp_path: Path) -> None:
    own = WINE.replace("        return 1", "        self.logger.info('x')")
    assert read(tmp_path / "a", {"base.py": BASE, "wine.py": own}).style.logger_name == "self.logger"
    given = WINE.replace("        return 1", "        log.info('x')")
    given = "from tools import get_log\n" + given.replace("\n\n\n", "\n\nlog = get_log(\n    __name__)\n\n\n")
    style = read(tmp_path / "b", {"base.py": BASE, "wine.py": given}).style
    assert (style.logger_name, style.logger) == ("log", ("from tools import get_log", "log = get_log( __name__)"))


def test_data_losses_tracker_and_tests_are_found(tmp_path: Path) -> None:
    facts = read(tmp_path / "a", LOSS_RETURNING)
    assert [(each.kind, each.module, each.name) for each in facts.data] == [
        ("dataset", "dataloader.wine", "WineDataset"),
        ("factory", "dataloader.wine", "build_wine_loader"),
    ]
    assert [each.name for each in facts.data[0].parameters] == ["path", "rows"]
    assert facts.losses == ("losses:FocalLoss", "losses:smooth_loss")
    assert facts.tests == "tests/train/test_*.py"
    assert read(tmp_path / "b", EPOCH_LEVEL).tracker == "tensorboard"
    assert read(tmp_path / "c", HYDRA).tracker == "wandb"
    assert (facts.tracker, read(tmp_path / "d", {"base.py": BASE}).tests) == ("", "")


# ---------------------------------------------------------------------------------------------- documentation


def test_the_code_wins_over_the_documentation(tmp_path: Path) -> None:
    facts = read(tmp_path, CONTRADICTED)
    assert facts.chosen is not None and facts.chosen.facts.name == "Trainer"
    assert {(each.place, each.says) for each in facts.contradictions} == {
        ("README.md:3", "shows python train.py --show-all"),
        ("README.md:4", "shows python scripts/run_training.py"),
        ("README.md:6", "trainers inherit from AbstractTrainer"),
        ("README.md:6", "a trainer writes training_loss()"),
        ("README.md:7", "trainers are listed in TRAINER_MAP_REGISTRY"),
        ("docs/adding.md:3", "imports from train.legacy"),
        ("docs/adding.md:5", "trainers are registered with @register_trainer"),
        ("docs/adding.md:7", "a trainer writes validate_batch()"),
    }
    codes = {each.says: each.code for each in facts.contradictions}
    assert codes["trainers inherit from AbstractTrainer"] == (
        "no class AbstractTrainer here; they inherit from Trainer, train/base_trainer.py:9"
    )
    assert "it asks for compute_loss" in codes["a trainer writes training_loss()"]


def test_documentation_that_is_right_is_no_contradiction(tmp_path: Path) -> None:
    right = """
        # Tides

        Trainers inherit from `Trainer` and implement `compute_loss`; `TRAINER_REGISTRY` lists them.

            $ python train.py tide --max-steps=3
            $ python -m pytest tests
            $ python train.py --help
            $ python train.py tide --max=3
            $ python -m torch.distributed.run train.py tide
            $ python tools/convert.py

        Override `batch_size` for a trainer, push to `$DOCKER_REGISTRY`, inherit from `nn.Module`.

        ```python
        from train import TRAINER_REGISTRY, Trainer
        from dataloader import load_dataset
        from torch import nn

        class SnowTrainer(Trainer):
            def compute_loss(self, batch): ...

        class SnowNet(nn.Module):
            def forward(self, x): ...
        ```
        """
    assert read(tmp_path, LOSS_RETURNING | {"README.md": right}).contradictions == ()


# ---------------------------------------------------------------------------------------------- the cache

MANY: Tree = {f"pkg/part{number}.py": f"class Part{number}:\n    pass\n" for number in range(60)} | {
    "base.py": BASE,
    "wine.py": WINE,
    "pkg/data.py": "from torch.utils.data import Dataset\n\n\nclass Rows(Dataset):\n    def __init__(self, x=1): ...\n",
    "pkg/loss.py": "def wine_loss(output, target, *, beta: float = 1.0) -> float:\n    return 0\n",
}


def test_what_was_read_is_kept_and_says_the_same(tmp_path: Path, cache: Path) -> None:
    first = read(tmp_path, MANY)
    (kept,) = (cache / "trainergen").iterdir()
    written = kept.stat().st_mtime_ns
    assert read_training(tmp_path, settings=None) == first
    assert kept.stat().st_mtime_ns == written
    (tmp_path / "fog.py").write_text(WINE.replace("Wine", "Fog"))
    (tmp_path / "wine.py").unlink()
    assert siblings(read_training(tmp_path, settings=None)) == ["FogTrainer"]
    (tmp_path / "fog.py").write_text(WINE.replace("Wine", "Dew"))
    assert siblings(read_training(tmp_path, settings=None)) == ["DewTrainer"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b"WineTrainer", b"RumpTrainer"),
        lambda data: b"\x80\x04garbage",
        lambda data: b"{}",
        lambda data: data.partition(b"\n")[0] + b"\n[]",
    ],
)
def test_a_cache_that_is_harmed_or_foreign_is_overlooked(tmp_path: Path, cache: Path, harm: object) -> None:
    assert callable(harm)
    first = read(tmp_path, MANY)
    (kept,) = (cache / "trainergen").iterdir()
    kept.write_bytes(harm(kept.read_bytes()))
    assert read_training(tmp_path, settings=None) == first


def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cache / "trainergen").write_text("a file in the folder's place")
    assert siblings(read(tmp_path, MANY)) == ["WineTrainer"]
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    assert siblings(read_training(tmp_path, settings=None)) == ["WineTrainer"]


def test_a_small_project_leaves_nothing_behind(tmp_path: Path, cache: Path) -> None:
    read(tmp_path, LOSS_RETURNING)
    assert list(cache.iterdir()) == []


# ---------------------------------------------------------------------------------------------- the index


def test_the_index_knows_files_words_and_names(tmp_path: Path) -> None:
    index = ProjectIndex(write_tree(tmp_path, WINDING))
    assert "src/acme/core/_impl.py" in index.files
    assert index.mentioning("SeaBedJob", "no such word") == (
        "src/acme/jobs/deep_sea_job.py",
        "src/acme/jobs/sea_bed_job.py",
    )
    assert index.module_name("src/acme/core/_impl.py") == "acme.core._impl"
    assert index.module_name("src/acme/core/__init__.py") == "acme.core"
    assert b"LoggingMixin" in index.read("src/acme/core/_impl.py")
    with pytest.raises(FileNotFoundError):
        index.read("src/none.py")
    assert {each.name for each in index.classes} >= {"Root", "SupervisedTrainer", "SkyJob", "DeepSeaJob"}
    deep = next(each for each in index.classes if each.name == "DeepSeaJob")
    assert [each.name for each in index.lineage(deep)] == ["SeaBedJob", "SupervisedTrainer", "Root", "LoggingMixin"]


def test_imports_in_circles_end(tmp_path: Path) -> None:
    tree: Tree = {
        "a.py": "from b import *\nfrom b import X as Y\n\n\nclass ATrainer(Y):\n    def train(self): ...\n",
        "b.py": "from a import *\nfrom a import Y as X\nX = X\n",
        "c.py": "from c import CTrainer\n\n\nclass CTrainer(CTrainer):\n    def train(self): ...\n",
    }
    assert read(tmp_path, tree).chosen is None
