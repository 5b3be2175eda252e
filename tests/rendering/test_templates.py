"""A team's own templates: they win, and what is wrong with one is said with file, line and variable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from trainergen.errors import UnusableInput
from trainergen.inspection.project_facts import Formatter
from trainergen.planning.plan import DataPlan, SchedulerPlan
from trainergen.rendering.engine import Engine
from trainergen.rendering.trainer import render_trainer
from trainergen.resources import resource_folder

from ..building import write_tree
from . import plans


def test_an_override_wins_and_its_lines_are_known(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {"house/templates/loss.py.j2": """\
                {# our own #}
                        loss = functional.cross_entropy(logits,   labels)
                        loss = loss.detach()
                """},
    )
    house = tmp_path / "house" / "templates"
    (house / "loss.py.j2").write_text(
        "{# our own #}\n        loss = functional.cross_entropy(logits,   labels)\n        loss = loss.detach()\n"
    )
    rendered = render_trainer(plans.digits(), plans.facts(tmp_path), overrides=house).files[
        "train/digits_net_trainer.py"
    ]
    lines = rendered.text.splitlines()
    assert rendered.origin(lines.index("        loss = loss.detach()") + 1) == "house/templates/loss.py.j2:3"
    assert rendered.origin(lines.index("        logits = self.model(image)") + 1) == (
        "templates/torch/blocks/forward.py.j2:2"
    )
    reformatted = lines.index("        loss = functional.cross_entropy(logits, labels)") + 1
    assert rendered.origin(reformatted) == "house/templates/loss.py.j2:2"


def test_what_was_compiled_once_is_as_often_new_as_its_text_and_says_where_it_stands_here(tmp_path: Path) -> None:
    name, place = "torch/blocks/loss.py.j2", tmp_path / "house" / "torch" / "blocks" / "loss.py.j2"
    write_tree(tmp_path, {"house/torch/blocks/loss.py.j2": b"first\n"})
    once = Engine(tmp_path / "house", tmp_path).render(name, {})
    again = Engine(tmp_path / "house", tmp_path / "house").render(name, {})
    assert once.text == again.text == "first\n"
    assert (once.origin(1), again.origin(1)) == ("house/torch/blocks/loss.py.j2:1", "torch/blocks/loss.py.j2:1")
    place.write_text("\nsecond\n")
    other = Engine(tmp_path / "house", tmp_path).render(name, {})
    assert other.text == "\nsecond\n" and other.origin(2) == "house/torch/blocks/loss.py.j2:2"


@pytest.mark.parametrize(
    ("name", "text", "place", "said"),
    [
        ("loss.py.j2", "\n        loss = {{ looss.expression }}\n", "house/loss.py.j2:2", "'looss' is undefined"),
        ("blocks/loss.py.j2", "{{ loss.nothing }}\n", "house/blocks/loss.py.j2:1", "nothing"),
        ("torch/blocks/loss.py.j2", "{% if %}\n", "house/torch/blocks/loss.py.j2:1", "Expected an expression"),
        ("frame.py.j2", '"""x"""\n{% include "gone.j2" %}\n', "house/frame.py.j2:2", "gone.j2"),
        ("loss.py.j2", "        loss = 1\n        loss = = 2\n", "house/loss.py.j2:2", "would be no Python"),
        ("multi_class.py.j2", '{% set prediction = lost["x"] %}\n', "house/multi_class.py.j2:1", "'lost' is undefined"),
    ],
)
def test_a_broken_override_is_named(name: str, text: str, place: str, said: str, tmp_path: Path) -> None:
    write_tree(tmp_path, {f"house/{name}": text.encode()})
    with pytest.raises(UnusableInput) as caught:
        render_trainer(plans.digits(), plans.facts(tmp_path), overrides=tmp_path / "house")
    assert caught.value.place == place
    assert said in caught.value.message


def test_a_missing_folder_of_overrides_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableInput, match="does not exist"):
        render_trainer(plans.digits(), plans.facts(tmp_path), overrides=tmp_path / "house")


@pytest.mark.parametrize("formatter", [Formatter("ruff", 100, "ruff.toml"), Formatter("black", 79, quotes="preserve")])
def test_the_project_s_own_formatter_is_used(formatter: Formatter, tmp_path: Path) -> None:
    if formatter.name == "ruff":
        write_tree(tmp_path, {"ruff.toml": "line-length = 100\n[format]\nquote-style = 'single'\n"})
    text = (
        render_trainer(plans.digits(), replace(plans.facts(tmp_path), formatter=formatter))
        .files["train/digits_net_trainer.py"]
        .text
    )
    assert max(map(len, text.splitlines())) <= formatter.line_length
    assert ("split='train'" in text) == (formatter.name == "ruff")


def test_a_trainer_without_data_says_what_it_needs(tmp_path: Path) -> None:
    plan = replace(plans.digits(), data=DataPlan("stub"))
    text = render_trainer(plan, plans.facts(tmp_path)).files["train/digits_net_trainer.py"].text
    namespace: dict[str, object] = {}
    body = text[text.index("        message = (") : text.index("        raise NotImplementedError")]
    exec(
        "cls = type('DigitsNetTrainer', (), {})\nclass config: batch_size = 8\n"
        + "\n".join(line.removeprefix("        ") for line in body.splitlines()),
        namespace,
    )
    assert namespace["message"] == (
        "DigitsNetTrainer has no data yet: let build_dataloaders in train/digits_net_trainer.py return "
        "(training loader, validation loader or None), with batches of 8 samples. A batch is a pair (image, labels): "
        "batch[0]: input, float32 [batch, 1, 8, 8]; batch[1]: target, int64 [batch], values 0 to 9."
    )


def test_names_that_would_hide_one_another_are_told_apart(tmp_path: Path) -> None:
    plan = plans.digits()
    plan = replace(
        plan,
        model=replace(plan.model, name="Trainer", class_name="Trainer"),
        inputs=(replace(plan.inputs[0], variable="input"),),
        objective=replace(plan.objective, target_variable="logits"),
        data=replace(plan.data, name="metrics", validation_name="metrics"),
    )
    text = render_trainer(plan, plans.facts(tmp_path)).files["train/digits_net_trainer.py"].text
    assert "from model import Trainer as TrainerModel" in text
    assert "from data import metrics as metrics_loader" in text
    assert "logits = self.model(input_)" in text
    assert "functional.cross_entropy(logits, logits_)" in text


def test_what_depends_on_the_model_s_dtype_and_the_runtime_s_own_scheduler(tmp_path: Path) -> None:
    plan = replace(
        plans.risk(),
        dtype="float64",
        scheduler=SchedulerPlan("warmup_cosine", "trainergen.runtime.schedulers", "WarmupCosine", "step"),
    )
    text = render_trainer(plan, plans.facts(tmp_path)).files["train/risk_trainer.py"].text
    assert "died = batch.died.to(self.device).double()" in text
    assert "return WarmupCosine(optimizer)" in text and "trainergen" not in text
    assert "from train.base_trainer import" in text and "WarmupCosine" in text.split("class ")[0]


def test_a_combined_loader_below_a_package_is_imported_relatively(tmp_path: Path) -> None:
    made = plans.ranker()
    data = replace(made.data, module="lab.dataloader.similarity", validation_module="lab.dataloader.similarity")
    plan = replace(made, package="lab", names=plans.names("ranker", "Ranker", "lab"), data=data)
    files = render_trainer(plan, plans.facts(tmp_path, "lab")).files
    assert set(files) == {"lab/train/ranker_trainer.py", "lab/dataloader/similarity.py", "lab/dataloader/__init__.py"}
    assert "from ..dataloader.similarity import build_combined" in files["lab/train/ranker_trainer.py"].text
    assert 'parents[2] / "constants"' in files["lab/dataloader/similarity.py"].text


def test_no_template_names_both_a_pattern_and_a_contract() -> None:
    patterns = ("simple", "structured", "multi-tensor", "multi_tensor", "ranking", "custom-optimizer")
    contract = ("compute_loss", "_forward_batch", "on_train_begin", "_collect_batch_metrics", "super()")
    files = [*resource_folder("templates").rglob("blocks/*.j2"), *resource_folder("templates").rglob("objectives/*.j2")]
    files += (resource_folder("templates").parent / "trainergen" / "contracts").rglob("*.j2")
    assert len(files) > 15
    for file in files:
        text = file.read_text()
        names = [word for word in contract if word in text]
        feeding = [word for word in patterns if word in text.replace("similarity", "")]
        assert not (names and feeding), f"{file.name}: {names} and {feeding}"
