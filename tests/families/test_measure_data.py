"""Where a batch comes from: files, objects, loaders and factories; and what of them is refused."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.building import write_tree
from trainergen.inspection.batch_spec import leaves
from trainergen.lab.protocol import Context, LabProblem

if TYPE_CHECKING:
    from pathlib import Path

    from tests.families.conftest import Measure
    from trainergen.families.torch.facts import TorchFacts

NET: dict[str, str | bytes] = {"model.py": """
    from torch import nn
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.f = nn.Linear(3, 2)
        def forward(self, x):
            return self.f(x)
    """}
DATA = """
from dataclasses import dataclass
import torch
from torch.utils.data import DataLoader, TensorDataset
torch.manual_seed(7)
dataset = TensorDataset(torch.randn(20, 3), torch.arange(20) % 2)
"""


def file(path: Path) -> dict[str, Any]:
    return {"kind": "file", "path": str(path)}


def loader(target: str, validation: str | None = None, batch_size: int = 8) -> dict[str, Any]:
    return {"target": target, "validation": validation, "batch_size": batch_size, "seed": 3}


def refused(measure: Measure, files: dict[str, str | bytes], **payload: Any) -> LabProblem:
    with pytest.raises(LabProblem) as caught:
        measure(NET | files, "model:Net", **payload)
    return caught.value


def ranges(facts: TorchFacts) -> list[tuple[str, Any, Any]]:
    return [(leaf.source, leaf.low, leaf.high) for _, leaf in leaves(facts.batch.root)]


# -- files


def test_batches_in_files(measure: Measure, context: Context) -> None:
    x, y = torch.randn(5, 3), torch.tensor([0, 1, 1, 0, 1])
    torch.save({"x": x, "label": y}, context.root / "batch.pt")
    torch.save((x, y), context.root / "pair.pth")
    save_file({"x": x, "label": y}, context.root / "batch.safetensors")
    np.savez(context.root / "batch.npz", x=x.numpy(), label=y.numpy(), names=np.array(["a", "b", "c", "d", "e"]))
    np.savez(context.root / "pair.npz", x.numpy(), y.numpy())
    for name in ("batch.pt", "batch.safetensors", "batch.npz"):
        facts = measure(NET, "model:Net", file(context.root / name))
        assert facts.feeding.arguments[0].path == ("x",), name
        assert facts.batch.place == f"file {name}"
        found = dict(leaves(facts.batch.root))
        assert (found[("label",)].low, found[("label",)].high, found[("label",)].source) == (0, 2, "measured")
        assert found[("x",)].low == pytest.approx(float(x.min()))
    for name in ("pair.pth", "pair.npz"):
        assert measure(NET, "model:Net", file(context.root / name)).feeding.targets == ((1,),), name


class Dangerous:
    """Pickled as a call that writes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (str(self.path), "w")


def test_a_pickle_is_never_run(measure: Measure, context: Context, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    torch.save({"x": Dangerous(witness)}, context.root / "new.pt")
    torch.save({"x": Dangerous(witness)}, context.root / "old.pt", _use_new_zipfile_serialization=False)
    (context.root / "bare.pt").write_bytes(pickle.dumps(Dangerous(witness)))
    np.savez(context.root / "objects.npz", x=np.array([Dangerous(witness)], dtype=object))
    witness.unlink(missing_ok=True)  # np.savez and torch.save only write; make sure of it
    for name in ("new.pt", "old.pt", "bare.pt", "objects.npz"):
        problem = refused(measure, {}, batch=file(context.root / name))
        assert problem.kind == "input" and "pickle" in problem.message, (name, problem.message)
        assert "never runs a pickle" in (problem.hint or "")
        if name.endswith(".pt"):
            assert "open" in problem.message
    assert not witness.exists()


def test_a_file_with_a_class_of_the_project_names_the_class(measure: Measure, context: Context) -> None:
    write_tree(
        context.root, {"shapes.py": "from dataclasses import dataclass\n@dataclass\nclass Box:\n    x: object\n"}
    )
    import shapes  # type: ignore[import-not-found]

    torch.save(shapes.Box(torch.ones(2, 3)), context.root / "box.pt")
    problem = refused(measure, {}, batch=file(context.root / "box.pt"))
    assert problem.message == "box.pt holds pickled code: shapes.Box"


@pytest.mark.parametrize("name", ["batch.pt", "batch.npz", "batch.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no such format", b"PK\x03\x04 cut off"])
def test_damaged_files(measure: Measure, context: Context, name: str, content: bytes) -> None:
    problem = refused(measure, {name: content}, batch=file(context.root / name))
    assert problem.kind == "input" and problem.message.startswith(f"{name} can't be read")


def test_a_file_without_samples(measure: Measure, context: Context) -> None:
    torch.save((torch.zeros(0, 3), torch.zeros(0)), context.root / "none.pt")
    problem = refused(measure, {}, batch=file(context.root / "none.pt"))
    assert problem.kind == "input" and "no samples" in problem.message


# -- objects


@pytest.mark.parametrize("target", ["data:pair", "data:make_pair"])
def test_an_object_or_a_function_that_gives_the_batch(measure: Measure, target: str) -> None:
    files = NET | {
        "data.py": DATA + "pair = (torch.randn(4, 3), torch.zeros(4).long())\ndef make_pair():\n    return pair\n"
    }
    facts = measure(files, "model:Net", {"kind": "object", "target": target})
    assert facts.batch.place == f"--batch {target}"
    assert facts.feeding.targets == ((1,),)


def test_objects_that_are_refused(measure: Measure) -> None:
    files: dict[str, str | bytes] = {
        "data.py": DATA + "def make(path): ...\ndef broken():\n    raise KeyError('index')\n"
    }
    problem = refused(measure, files, batch={"kind": "object", "target": "data:make"})
    assert problem.kind == "input" and "needs path" in problem.message
    problem = refused(measure, files, batch={"kind": "object", "target": "data:broken"})
    assert problem.kind == "user" and (problem.place or "").startswith("data.py:")
    problem = refused(measure, files, batch={"kind": "object", "target": "data:brokn"})
    assert problem.kind == "input" and problem.hint == "did you mean broken?"


def test_a_described_dataclass_is_checked_against_its_fields(measure: Measure) -> None:
    from trainergen.inspection.batch_grammar import parse
    from trainergen.plain import to_plain

    files: dict[str, str | bytes] = {"data.py": DATA + "@dataclass\nclass Batch:\n    x: object\n    label: object\n"}
    for text, says in (
        ("data:Batch(x: float32[4,3])", "lacks label"),
        ("data:Batch(x: float32[4,3]; lable: int64[4])", "no field lable"),
    ):
        problem = refused(measure, files, batch={"kind": "grammar", "spec": to_plain(parse(text))})
        assert problem.kind == "input" and says in problem.message


# -- loaders


def test_a_loader_object_is_imported_as_it_is(measure: Measure, context: Context) -> None:
    files = NET | {"data.py": DATA + "loader = DataLoader(dataset, batch_size=8, num_workers=2)\n"}
    facts = measure(files, "model:Net", loader=loader("data:loader"))
    assert facts.loader is not None
    assert (facts.loader.is_factory, facts.loader.arguments, facts.loader.split, facts.loader.batch_count) == (
        False,
        (),
        None,
        3,
    )
    assert facts.loader.validation is None
    saved = torch.load(context.scratch / "batches.pt", weights_only=False)
    assert [len(batch[0]) for batch in saved["train"]] == [8, 8, 4] and saved["validation"] == []
    assert facts.batch.place == "loader data:loader"
    assert ranges(facts)[1] == ("measured", 0, 2)
    # the range is that of all batches which were read
    everything = torch.cat([batch[0] for batch in saved["train"]])
    assert ranges(facts)[0] == ("measured", float(everything.min()), float(everything.max()))


FACTORIES = {
    "splits": (
        "def build(*, batch_size: int, shuffle: bool, seed: int = 0,"
        ' splits: tuple[str, ...] = ("train",)) -> DataLoader:\n'
        '    assert shuffle == (splits == ("train",)) and seed == 3 and set(splits) <= {"train", "val"}\n'
        "    return DataLoader(dataset, batch_size=batch_size)\n",
        ("batch_size", "shuffle", "seed"),
        'splits=("train",)',
        'splits=("val",)',
    ),
    "split": (
        "def build(split, batch_size=2):\n"
        '    if split not in ("train", "validation"):\n        raise ValueError(split)\n'
        "    return DataLoader(dataset, batch_size)\n",
        ("batch_size",),
        'split="train"',
        'split="validation"',
    ),
    "literal": (
        "from typing import Literal\ncalls = []\n"
        'def build(split: Literal["train", "dev"] = "train"):\n'
        '    calls.append(split)\n    assert split in ("train", "dev"), calls\n'
        "    return DataLoader(dataset, 8)\n",
        (),
        'split="train"',
        'split="dev"',
    ),
    "train": (
        "class build(DataLoader):\n    def __init__(self, train: bool = True, batch_size: int = 2):\n"
        "        super().__init__(dataset, batch_size=batch_size)\n",
        ("batch_size",),
        "train=True",
        "train=False",
    ),
    "none": (
        "def build(batch_size=8, split=0.8, train='train.csv'):\n    assert (split, train) == (0.8, 'train.csv')\n"
        "    return [batch for batch in DataLoader(dataset, batch_size)]\n",
        ("batch_size",),
        None,
        None,
    ),
}


@pytest.mark.parametrize("name", FACTORIES)
def test_a_factory_is_called_by_the_names_it_has(measure: Measure, context: Context, name: str) -> None:
    text, arguments, split, validation = FACTORIES[name]
    facts = measure(NET | {"data.py": DATA + text}, "model:Net", loader=loader("data:build"))
    assert facts.loader is not None
    assert (facts.loader.is_factory, facts.loader.arguments, facts.loader.split) == (True, arguments, split)
    assert facts.loader.validation_split == validation
    assert facts.loader.validation == ("data:build" if validation else None)
    assert facts.loader.validation_arguments == (arguments if validation else ())
    assert facts.loader.return_annotation == ("DataLoader" if name == "splits" else None)
    saved = torch.load(context.scratch / "batches.pt", weights_only=False)
    assert len(saved["train"][0][0]) == 8
    assert bool(saved["validation"]) == bool(validation)


def test_the_test_split_is_the_last_resort_and_said_aloud(measure: Measure) -> None:
    text = "loaders = {name: DataLoader(dataset, 8) for name in ('train', 'test')}\n"
    text += 'def build(split="train"):\n    return loaders[split]\n'
    facts = measure(NET | {"data.py": DATA + text}, "model:Net", loader=loader("data:build"))
    assert facts.loader is not None and facts.loader.validation_split == 'split="test"'
    assert any("final test" in each for each in facts.warnings)


def test_a_factory_without_any_other_split_has_no_validation(measure: Measure) -> None:
    text = 'def build(split="train"):\n    return {"train": DataLoader(dataset, 8)}[split]\n'
    facts = measure(NET | {"data.py": DATA + text}, "model:Net", loader=loader("data:build"))
    assert facts.loader is not None and facts.loader.validation is None
    assert any("gives no validation data" in each for each in facts.warnings)


def test_a_validation_loader_of_its_own(measure: Measure, context: Context) -> None:
    text = "def build(batch_size):\n    return DataLoader(dataset, batch_size)\n"
    text += "held_out = [(torch.zeros(6, 3), torch.zeros(6).long())]\n"
    facts = measure(NET | {"data.py": DATA + text}, "model:Net", loader=loader("data:build", "data:held_out"))
    assert facts.loader is not None
    assert (facts.loader.validation, facts.loader.validation_is_factory, facts.loader.validation_split) == (
        "data:held_out",
        False,
        None,
    )
    assert len(torch.load(context.scratch / "batches.pt", weights_only=False)["validation"]) == 1


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("build = []\n", "input", "gives no batch"),
        ("build = DataLoader(dataset, batch_size=64, drop_last=True)\n", "input", "gives no batch"),
        ("build = [(torch.zeros(0, 3), torch.zeros(0))]\n", "input", "no samples"),
        ("build = dataset\n", "input", "a data set"),
        ("build = torch.ones(3)\n", "input", "gives no batches"),
        ("def build(root):\n    return [root]\n", "input", "needs root"),
        ("def build():\n    return DataLoader(dataset), DataLoader(dataset)\n", "input", "2 loaders"),
        ("def build():\n    return {'train': DataLoader(dataset)}\n", "input", "a dict"),
        ("def build():\n    raise FileNotFoundError('corpus.jsonl')\n", "user", "corpus.jsonl"),
        ("def build():\n    yield 1 / 0\n", "user", "ZeroDivisionError"),
        ("import sys\ndef build():\n    sys.exit(2)\n", "user", "sys.exit"),
    ],
)
def test_loaders_that_are_refused(measure: Measure, text: str, kind: str, says: str) -> None:
    problem = refused(measure, {"data.py": DATA + text}, loader=loader("data:build"))
    assert (problem.kind, says in problem.message) == (kind, True), problem.message


def test_why_a_loader_is_empty(measure: Measure) -> None:
    problem = refused(
        measure,
        {"data.py": DATA + "build = DataLoader(dataset, batch_size=64, drop_last=True)\n"},
        loader=loader("data:build"),
    )
    assert "20 samples are less than one batch of 64" in (problem.hint or "")


def test_a_generator_gives_its_batches_once(measure: Measure) -> None:
    text = "def one():\n    yield torch.ones(4, 3)\n    yield torch.ones(4, 3)\nstream = one()\n"
    facts = measure(NET | {"data.py": DATA + text}, "model:Net", loader=loader("data:stream"))
    assert any("gives its batches once" in each for each in facts.warnings)


def test_a_batch_of_an_own_class_goes_in_whole(measure: Measure) -> None:
    files = {"model.py": """
        import torch
        from torch import nn
        class Graph:
            def __init__(self, x):
                self.x = x
            def to(self, device):
                return Graph(self.x.to(device))
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.f = nn.Linear(3, 2)
            def forward(self, graph):
                return self.f(graph.x)
        loader = [Graph(torch.randn(5, 3))]
        """}
    facts = measure(files, "model:Net", loader=loader("model:loader"))
    assert facts.feeding.whole and facts.output[0].sizes == (5, 2)


def test_a_batch_that_cannot_be_handed_on(measure: Measure) -> None:
    files: dict[str, str | bytes] = {
        "data.py": DATA + "def build():\n    class Local(dict): ...\n    return [Local(x=torch.ones(4, 3))]\n"
    }
    problem = refused(measure, files, loader=loader("data:build"))
    assert problem.kind == "user" and "can't be handed on" in problem.message
