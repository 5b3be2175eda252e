"""What the lab measures of real models: feeding, sizes, outputs, parameters, buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from trainergen.inspection.batch_spec import Path, leaves
from trainergen.lab.protocol import LabProblem

if TYPE_CHECKING:
    from tests.families.conftest import Measure
    from trainergen.families.torch.facts import TorchFacts
    from trainergen.lab.protocol import Context

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F
"""


def module(body: str, forward: str, head: str = "") -> dict[str, str | bytes]:
    """``model.py`` with one class ``Net``."""
    lines = [HEAD, head, "class Net(nn.Module):", "    def __init__(self):", "        super().__init__()"]
    lines += [f"        {line}" for line in body.strip().splitlines()]
    lines += [f"    {line}" for line in forward.strip("\n").splitlines()]
    return {"model.py": "\n".join(lines) + "\n"}


def dims(facts: TorchFacts) -> dict[Path, tuple[int | str, ...]]:
    return {path: leaf.dims for path, leaf in leaves(facts.batch.root)}


def fed(facts: TorchFacts) -> list[tuple[Path, str | None, tuple[str, ...]]]:
    return [(each.path, each.argument, each.prepare) for each in facts.feeding.arguments]


MLP = module(
    "self.a = nn.Linear(3, 16)\nself.b = nn.Linear(16, 4)",
    "def forward(self, x):\n    return self.b(F.relu(self.a(x)))",
)


def test_a_pair_into_a_multi_layer_perceptron(measure: Measure, context: Context) -> None:
    facts = measure(MLP, "model:Net", "(float32[8, 3], int64[8] < 4)")
    assert fed(facts) == [((0,), None, ())]
    assert facts.feeding.targets == ((1,),)
    assert dims(facts) == {(0,): ("batch", 3), (1,): ("batch",)}
    assert [(each.path, each.axis) for each in facts.fixed] == [((0,), 1)]
    assert "mat1 and mat2 shapes cannot be multiplied" in facts.fixed[0].error
    (output,) = facts.output
    assert (facts.output_kind, output.path, output.sizes, output.dims) == ("tensor", (), (8, 4), ("batch", 4))
    assert output.has_graph and output.finite and not output.sums_to_one
    assert [(each.name, each.shape, each.trainable, each.module_type) for each in facts.parameters] == [
        ("a.weight", (16, 3), True, "Linear"),
        ("a.bias", (16,), True, "Linear"),
        ("b.weight", (4, 16), True, "Linear"),
        ("b.bias", (4,), True, "Linear"),
    ]
    assert facts.values == 132
    assert (facts.module_types, facts.final_module, facts.dtype) == ({"Net": 1, "Linear": 2}, "Linear", "float32")
    (target,) = facts.targets
    assert (target.path, target.integral, target.low, target.high, target.distinct) == ((1,), True, 0.0, 3.0, 4)
    assert facts.peak_memory > 10**6
    saved = torch.load(context.scratch / "batches.pt", weights_only=False)
    assert [tuple(part.shape) for part in saved["train"][0]] == [(8, 3), (8,)] and saved["validation"] == []


def test_the_same_request_gives_the_same_facts(measure: Measure) -> None:
    def without_figures(facts: TorchFacts) -> dict[str, Any]:
        return {key: value for key, value in vars(facts).items() if key not in ("peak_memory", "forward_seconds")}

    first = measure(MLP, "model:Net", "(float32[8, 3], int64[8] < 4)")
    assert without_figures(first) == without_figures(measure(MLP, "model:Net", "(float32[8, 3], int64[8] < 4)"))


CONV = module(
    "self.c = nn.Conv2d(1, 4, 3, padding=1)\nself.n = nn.BatchNorm2d(4)\nself.f = nn.Linear(4, 10)",
    "def forward(self, image):\n    return self.f(F.relu(self.n(self.c(image))).mean((2, 3)))",
)


def test_images_by_key_with_free_height_and_width(measure: Measure) -> None:
    facts = measure(CONV, "model:Net", "image: float32[8,1,28,28]; label: int64[8] < 10")
    assert fed(facts) == [(("image",), None, ())]
    assert dims(facts) == {("image",): ("batch", 1, "height", "width"), ("label",): ("batch",)}
    assert facts.batch_norm and facts.module_types["BatchNorm2d"] == 1
    assert facts.warnings == ()
    assert [each.name for each in facts.buffers] == ["n.running_mean", "n.running_var", "n.num_batches_tracked"]
    assert not any(each.moves_in_eval for each in facts.buffers)


def test_an_argument_that_no_key_is_named_like_is_found_by_elimination(measure: Measure) -> None:
    files = module("self.f = nn.Linear(3, 2)", "def forward(self, x):\n    return self.f(x)")
    facts = measure(files, "model:Net", "features: float32[4, 3]; label: int64[4] < 2; names: str[4]")
    assert fed(facts) == [(("features",), None, ())]
    assert facts.feeding.targets == (("label",), ("names",))
    assert dims(facts)[("names",)] == ("batch",)


def test_a_dict_of_ids_and_mask_shares_the_length(measure: Measure) -> None:
    files = module(
        "self.e = nn.Embedding(50, 8)\nself.f = nn.Linear(8, 50)",
        "def forward(self, ids, mask):\n    return self.f(self.e(ids) * mask.unsqueeze(-1))",
    )
    facts = measure(files, "model:Net", "ids: int64[4, 12] < 50; mask: bool[4, 12]; next_ids: int64[4, 12] < 50")
    assert fed(facts) == [(("ids",), "ids", ()), (("mask",), "mask", ())]
    assert (
        dims(facts) == dict.fromkeys((("ids",), ("mask",), ("next_ids",)), ("batch", "length"))
        or dims(facts)[("ids",)][1] == dims(facts)[("mask",)][1]
    )
    assert facts.fixed == ()
    assert facts.output[0].dims == ("batch", dims(facts)[("ids",)][1], 50)
    assert dims(facts)[("next_ids",)] == ("batch", dims(facts)[("ids",)][1])


def test_position_embeddings_allow_shorter_but_not_longer(measure: Measure) -> None:
    files = module(
        "self.e = nn.Embedding(50, 8)\nself.p = nn.Parameter(torch.zeros(12, 8))",
        "def forward(self, ids):\n    return self.e(ids) + self.p[: ids.shape[1]]",
    )
    facts = measure(files, "model:Net", "int64[4, 12] < 50")
    assert dims(facts) == {(): ("batch", "length")}


def test_a_batch_and_names_that_the_user_gave(measure: Measure) -> None:
    files = module("self.e = nn.Embedding(50, 8)", "def forward(self, ids):\n    return self.e(ids).mean(1)")
    facts = measure(files, "model:Net", "(int64[batch=4, words=12] < 50, float32[4, 8])")
    assert dims(facts) == {(0,): ("batch", "words"), (1,): ("batch", 8)}


def test_a_view_that_folds_a_size_into_the_batch_is_no_free_size(measure: Measure) -> None:
    files = module("self.f = nn.Linear(784, 10)", "def forward(self, x):\n    return self.f(x.view(-1, 784))")
    facts = measure(files, "model:Net", "(float32[8,1,28,28], int64[8] < 10)")
    assert dims(facts)[(0,)] == ("batch", 1, 28, 28)
    assert {each.axis for each in facts.fixed} == {1, 2, 3}


def test_a_square_that_only_changes_as_a_whole(measure: Measure) -> None:
    files = module(
        "self.w = nn.Parameter(torch.ones(()))", "def forward(self, x):\n    return self.w * (x + x.transpose(1, 2))"
    )
    facts = measure(files, "model:Net", "float32[4, 6, 6]")
    assert dims(facts)[()][1] == dims(facts)[()][2] != 6
    assert facts.output[0].dims == dims(facts)[()]


DATACLASS = """
from dataclasses import dataclass
@dataclass(frozen=True)
class Batch:
    image: torch.Tensor
    label: torch.Tensor
    names: list
"""


def test_a_dataclass_matched_by_its_fields(measure: Measure) -> None:
    files = module("self.f = nn.Linear(5, 3)", "def forward(self, image):\n    return self.f(image)", DATACLASS)
    facts = measure(files, "model:Net", "model:Batch(image: float32[4, 5]; label: int64[4] < 3; names: str[4])")
    assert fed(facts) == [(("image",), None, ())]
    assert facts.feeding.targets == (("label",), ("names",))


def test_a_dataclass_taken_whole_and_what_forward_does_not_read_is_the_target(measure: Measure) -> None:
    files = module(
        "self.f = nn.Linear(5, 3)", "def forward(self, batch: Batch):\n    return self.f(batch.image)", DATACLASS
    )
    facts = measure(files, "model:Net", "model:Batch(image: float32[4, 5]; label: int64[4] < 3; names: str[4])")
    assert facts.feeding.whole
    assert facts.feeding.targets == (("label",), ("names",))
    assert dims(facts)[("image",)] == ("batch", 5)


def test_a_namedtuple_described_as_a_dataclass_is_seen_for_what_it_is(measure: Measure) -> None:
    fields = "".join(f"    {name}: torch.Tensor\n" for name in ("left", "right", "label"))
    head = f"from typing import NamedTuple\nclass Pair(NamedTuple):\n{fields}"
    files = module(
        "self.f = nn.Bilinear(4, 4, 1)", "def forward(self, left, right):\n    return self.f(left, right)", head
    )
    facts = measure(files, "model:Net", "model:Pair(left: float32[6, 4]; right: float32[6, 4]; label: float32[6, 1])")
    assert facts.batch.root.kind == "namedtuple"  # type: ignore[union-attr]
    assert fed(facts) == [(("left",), "left", ()), (("right",), "right", ())]


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        ("def forward(self, a, b):\n    return self.f(a + b)", [(0,), (1,)]),
        ("def forward(self, a, b, c):\n    return F.mse_loss(self.f(a + b), c)", [(0,), (1,), (2,)]),
        ("def forward(self, a):\n    return self.f(a)", [(0,)]),
        ("def forward(self, *parts):\n    return self.f(parts[0] + parts[1])", [(0,), (1,)]),
    ],
)
def test_a_tuple_of_three_by_position(measure: Measure, forward: str, expected: list[Path]) -> None:
    facts = measure(
        module("self.f = nn.Linear(5, 5)", forward), "model:Net", "(float32[4, 5], float32[4, 5], float32[4, 5])"
    )
    assert [each.path for each in facts.feeding.arguments] == expected


def test_an_inner_tuple_is_spread(measure: Measure) -> None:
    files = module("self.f = nn.Linear(5, 2)", "def forward(self, a, b):\n    return self.f(a * b)")
    facts = measure(files, "model:Net", "((float32[4, 5], float32[4, 5]), int64[4] < 2)")
    assert [each.path for each in facts.feeding.arguments] == [(0, 0), (0, 1)]
    assert facts.feeding.targets == ((1,),)


def test_tied_weights(measure: Measure) -> None:
    files = module(
        "self.e = nn.Embedding(20, 8)\nself.h = nn.Linear(8, 20, bias=False)\nself.h.weight = self.e.weight",
        "def forward(self, ids):\n    return self.h(self.e(ids))",
    )
    facts = measure(files, "model:Net", "(int64[4, 6] < 20, int64[4, 6] < 20)")
    assert [(each.name, each.tied_to) for each in facts.parameters] == [("e.weight", None), ("h.weight", "e.weight")]
    assert facts.values == 160


def test_a_recurrent_model_with_the_sequence_first(measure: Measure) -> None:
    files = module(
        "self.r = nn.LSTM(5, 7)\nself.f = nn.Linear(7, 2)", "def forward(self, x):\n    return self.f(self.r(x)[0][-1])"
    )
    facts = measure(files, "model:Net", "(float32[9, 4, 5], int64[4] < 2)")
    assert facts.batch.samples == 4
    assert dims(facts) == {(0,): ("length", "batch", 5), (1,): ("batch",)}
    assert facts.output[0].dims == ("batch", 2)


OUTPUTS = {
    "mapping": ('{"logits": y, "extra": {"norm": y.norm()}}', [("logits",), ("extra", "norm")]),
    "tuple": ("(y, y.argmax(-1), y.square().mean())", [(0,), (1,), (2,)]),
    "list": ("[y, y * 2]", [(0,), (1,)]),
    "dataclass": ("Out(y, None)", [("logits",)]),
    "namedtuple": ("Two(y, y.sum())", [("logits",), ("loss",)]),
}
CLASSES = """
from collections import OrderedDict, namedtuple
from dataclasses import dataclass
Two = namedtuple("Two", "logits loss")
@dataclass
class Out:
    logits: torch.Tensor
    loss: torch.Tensor
"""


@pytest.mark.parametrize("kind", OUTPUTS)
def test_outputs_of_every_form(measure: Measure, kind: str) -> None:
    expression, paths = OUTPUTS[kind]
    files = module(
        "self.f = nn.Linear(5, 3)", f"def forward(self, x):\n    y = self.f(x)\n    return {expression}", CLASSES
    )
    facts = measure(files, "model:Net", "float32[4, 5]")
    assert (facts.output_kind, [each.path for each in facts.output]) == (kind, paths)
    if kind == "tuple":
        assert [(each.dtype, each.has_graph, each.sizes) for each in facts.output] == [
            ("float32", True, (4, 3)),
            ("int64", False, (4,)),
            ("float32", True, ()),
        ]
    if kind in ("dataclass", "namedtuple"):
        assert facts.output_type == f"model:{'Out' if kind == 'dataclass' else 'Two'}"


def test_the_models_own_loss_from_labels_that_it_asks_for(measure: Measure) -> None:
    files = module(
        "self.f = nn.Linear(5, 3)",
        "def forward(self, x, labels=None):\n    y = self.f(x)\n"
        "    return {'logits': y} if labels is None else {'loss': F.cross_entropy(y, labels), 'logits': y}",
    )
    batch = "x: float32[4, 5]; labels: int64[4] < 3"
    facts = measure(files, "model:Net", batch)
    assert [each.argument for each in facts.feeding.arguments] == ["x", "labels"]
    assert [each.path for each in facts.output] == [("loss",), ("logits",)]
    facts = measure(files, "model:Net", batch, target=["labels"])  # the user compares them with the output instead
    assert fed(facts) == [(("x",), None, ())]
    assert facts.feeding.targets == (("labels",),)


@pytest.mark.parametrize(
    ("body", "forward", "batch", "prepare"),
    [
        ("self.f = nn.Linear(5, 3)", "return self.f(x)", "uint8[4, 5] < 256", ("float",)),
        ("self.f = nn.Linear(5, 3)", "return self.f(x)", "float64[4, 5]", ("float",)),
        ("self.f = nn.Linear(5, 3).double()", "return self.f(x)", "float32[4, 5]", ("float",)),
        ("self.f = nn.Linear(5, 3).double()", "return self.f(x)", "float64[4, 5]", ()),
        ("self.f = nn.Conv2d(1, 2, 3)", "return self.f(x).mean((2, 3))", "float32[4, 8, 8]", ("unsqueeze:1",)),
        ("self.f = nn.Conv2d(3, 2, 3)", "return self.f(x).mean((2, 3))", "float32[4, 8, 8, 3]", ("permute:0,3,1,2",)),
        (
            "self.f = nn.Conv2d(3, 2, 3)",
            "return self.f(x).mean((2, 3))",
            "uint8[4, 8, 8, 3] < 256",
            ("float", "permute:0,3,1,2"),
        ),
        ("self.f = nn.Linear(64, 3)", "return self.f(x)", "float32[4, 1, 8, 8]", ("flatten:1",)),
        ("self.f = nn.GRU(1, 3, batch_first=True)", "return self.f(x)[0]", "float32[4, 7]", ("unsqueeze:2",)),
        ("self.f = nn.Embedding(9, 3)", "return self.f(x)", "uint8[4, 7] < 9", ("long",)),
    ],
)
def test_preparations_are_found_only_where_the_batch_does_not_fit(
    measure: Measure, body: str, forward: str, batch: str, prepare: tuple[str, ...]
) -> None:
    facts = measure(module(body, f"def forward(self, x):\n    {forward}"), "model:Net", f"({batch}, int64[4] < 3)")
    assert fed(facts) == [((0,), None, prepare)]


def test_inputs_of_several_kinds_are_prepared_each_in_its_way(measure: Measure) -> None:
    files = module(
        "self.c = nn.Conv2d(3, 4, 3)\nself.f = nn.Linear(6, 4)\nself.e = nn.Embedding(9, 4)",
        "def forward(self, image, tabular, kind):\n"
        "    return self.c(image).mean((2, 3)) + self.f(tabular) + self.e(kind)",
    )
    batch = "image: uint8[4, 3, 8, 8] < 256; tabular: float64[4, 6]; kind: int64[4] < 9; label: int64[4] < 4"
    facts = measure(files, "model:Net", batch)
    assert fed(facts) == [
        (("image",), "image", ("float",)),
        (("tabular",), "tabular", ("float",)),
        (("kind",), "kind", ()),
    ]
    assert "image through float" in facts.feeding.reason


def test_a_fault_of_the_models_own_is_not_papered_over_by_a_preparation(measure: Measure) -> None:
    files = module(
        "self.query = nn.Linear(6, 8)\nself.key = nn.Linear(6, 8)",
        "def forward(self, model_tokens, dataset_tokens):\n"
        "    q = self.query(model_tokens)\n    k = self.key(dataset_tokens)\n    scores = q @ k.transpose(1, 2)\n"
        "    return scores.mean(-1)",
    )
    problem = refused(measure, files, "model:Net", "model_tokens: float32[8, 25, 6]; dataset_tokens: float32[8, 6]")
    assert problem.kind == "user" and "IndexError" in problem.message
    carets = next(line for line in problem.notes if "^" in line)
    assert "IndexError: Dimension out of range" in carets
    assert any("scores = q @ k.transpose(1, 2)" in line for line in problem.notes)


def test_double_precision(measure: Measure) -> None:
    files = module("self.f = nn.Linear(5, 3).double()", "def forward(self, x):\n    return self.f(x)")
    facts = measure(files, "model:Net", "(float64[4, 5], float64[4, 3])")
    assert (facts.dtype, facts.output[0].dtype) == ("float64", "float64")


def test_a_codebook_that_moves_in_evaluation_too(measure: Measure) -> None:
    files = module(
        "self.f = nn.Linear(5, 3)\n"
        "self.register_buffer('code', torch.zeros(3))\nself.register_buffer('still', torch.zeros(3))",
        "def forward(self, x):\n    y = self.f(x)\n"
        "    self.code.mul_(0.9).add_(0.1 * y.detach().mean(0))\n    return y + self.code",
    )
    facts = measure(files, "model:Net", "float32[4, 5]")
    assert {each.name: each.moves_in_eval for each in facts.buffers} == {"code": True, "still": False}


def test_batch_norm_that_keeps_its_buffers_while_sizes_are_tried(measure: Measure) -> None:
    facts = measure(CONV, "model:Net", "image: float32[8,1,8,8]; label: int64[8] < 10")
    assert not any(each.moves_in_eval for each in facts.buffers)


@pytest.mark.parametrize(
    ("last", "flags"), [("softmax(-1)", (True, False)), ("log_softmax(-1)", (False, True)), ("relu()", (False, False))]
)
def test_probabilities_are_recognised(measure: Measure, last: str, flags: tuple[bool, bool]) -> None:
    facts = measure(
        module("self.f = nn.Linear(5, 3)", f"def forward(self, x):\n    return self.f(x).{last}"),
        "model:Net",
        "float32[4, 5]",
    )
    assert (facts.output[0].sums_to_one, facts.output[0].log_sums_to_one) == flags


@pytest.mark.parametrize(
    ("last", "activation"),
    [
        ("sigmoid().clamp(0.01, 0.99).view(-1, 3)[:, :2]", "Sigmoid"),
        ("softmax(-1).transpose(0, 1)", "Softmax"),
        ("log_softmax(-1).unsqueeze(1)", "LogSoftmax"),
        ("sigmoid().mul(10)", None),
        ("tanh()", None),
        ("detach().sigmoid() + self.f(x)", None),
    ],
)
def test_the_activation_that_an_output_came_out_of(measure: Measure, last: str, activation: str | None) -> None:
    facts = measure(
        module("self.f = nn.Linear(5, 3)", f"def forward(self, x):\n    return self.f(x).{last}"),
        "model:Net",
        "float32[4, 5]",
    )
    assert facts.output[0].activation == activation


def test_the_last_module_that_ran(measure: Measure) -> None:
    files = module(
        "self.unused = nn.Tanh()\nself.f = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid())\nself.g = nn.Tanh()",
        "def forward(self, x):\n    return self.f(x)",
    )
    assert measure(files, "model:Net", "float32[4, 5]").final_module == "Sigmoid"


def test_a_function_that_returns_a_model_and_its_arguments(measure: Measure) -> None:
    files: dict[str, str | bytes] = {
        "zoo.py": HEAD + "def make(sizes, *, bias: bool = True):\n"
        "    assert isinstance(sizes, tuple)\n    return nn.Sequential(nn.Linear(*sizes, bias=bias), nn.ReLU())\n"
    }
    facts = measure(files, "zoo:make", "float32[4, 5]", arguments={"sizes": {"$tuple": [5, 2]}, "bias": False})
    assert [each.shape for each in facts.parameters] == [(2, 5)]
    assert facts.feeding.reason == "forward(input) takes one tensor"


def test_a_factory_beside_the_model(measure: Measure) -> None:
    files = MLP | {"make.py": "from model import Net\ndef make():\n    return Net()\n"}
    assert measure(files, "model:Net", "float32[4, 3]", factory="make:make").values == 132


def test_lazy_layers_have_their_shapes(measure: Measure) -> None:
    files = module(
        "self.n = nn.LazyBatchNorm1d()\nself.f = nn.LazyLinear(3)",
        "def forward(self, x):\n    return self.f(self.n(x))",
    )
    facts = measure(files, "model:Net", "float32[4, 5]")
    assert [each.shape for each in facts.parameters] == [(5,), (5,), (3, 5), (3,)]
    assert not any(each.moves_in_eval for each in facts.buffers)


def test_a_ranking_batch(measure: Measure) -> None:
    files = module(
        "self.q = nn.Linear(6, 8)\nself.k = nn.Linear(5, 8)",
        "def forward(self, dataset_tokens, model_tokens):\n"
        "    return (self.k(model_tokens) @ self.q(dataset_tokens).mean(1).unsqueeze(-1)).squeeze(-1)",
    )
    batch = (
        "dataset_tokens: float32[4, 10, 6]; model_tokens: float32[4, 7, 5]; "
        "true_ranks: int64[4, 7] in [1, 7]; model_names: str[4, 7]; "
        "model_indices: int64[4, 7] < 7"
    )
    facts = measure(files, "model:Net", batch)
    assert [each.argument for each in facts.feeding.arguments] == ["dataset_tokens", "model_tokens"]
    found = dims(facts)
    assert found[("dataset_tokens",)] == ("batch", "dataset_tokens_length", 6)
    assert found[("model_tokens",)] == ("batch", "model_tokens_length", 5)
    assert found[("true_ranks",)] == facts.output[0].dims == ("batch", "model_tokens_length")
    assert {each.path: (each.low, each.high) for each in facts.targets}[("true_ranks",)] == (1.0, 7.0)


def test_a_fixed_number_of_samples(measure: Measure) -> None:
    files = module(
        "self.f = nn.Linear(5, 3)\nself.s = torch.ones(4, 1)", "def forward(self, x):\n    return self.f(x) * self.s"
    )
    facts = measure(files, "model:Net", "(float32[4, 5], float32[4, 3])")
    assert dims(facts)[(0,)] == (4, 5)
    assert (0, 0) in {(each.path[0], each.axis) for each in facts.fixed}


def test_rows_of_a_flattened_output(measure: Measure) -> None:
    files = module("self.e = nn.Embedding(9, 3)", "def forward(self, ids):\n    return self.e(ids).flatten(0, 1)")
    facts = measure(files, "model:Net", "(int64[4, 6] < 9, int64[4, 6] < 3)")
    assert facts.output[0].dims == ("rows", 3)
    assert dims(facts)[(0,)] == ("batch", "length")


# -- what can't be measured


def refused(measure: Measure, *arguments: Any, **payload: Any) -> LabProblem:
    with pytest.raises(LabProblem) as caught:
        measure(*arguments, **payload)
    return caught.value


def one(forward: str, body: str = "self.f = nn.Linear(5, 3)", head: str = "") -> dict[str, str | bytes]:
    return module(body, f"def forward(self, x):\n    {forward}", head)


@pytest.mark.parametrize(
    ("forward", "says", "hint"),
    [
        ("return self.f(x).detach()", "without graph", "no_grad"),
        ("return self.f(x).argmax(-1)", "without graph", "argmax"),
        ("return self.f(x).sum().item()", "without graph", ".item()"),
        ("return self.f(x) / 0", "not finite", "division by zero"),
        ("return self.f(x)[x.shape[0]:]", "empty output", "slice"),
        ("return None", "returned NoneType", "tensor"),
        ("return torch.distributions.Normal(self.f(x), 1.0)", "returned Normal", "tensor"),
    ],
)
def test_an_output_that_nothing_can_be_learnt_from(measure: Measure, forward: str, says: str, hint: str) -> None:
    problem = refused(measure, one(forward), "model:Net", "float32[4, 5]")
    assert problem.kind == "user" and says in problem.message and hint in (problem.hint or "")
    assert (problem.place or "").startswith("model.py:") and "Net.forward" in (problem.place or "")
    assert problem.notes[-1] == "   = batch: float32 (4, 5), from --batch"


def test_masked_scores_may_hold_minus_infinity(measure: Measure) -> None:
    files = one("return self.f(x).masked_fill(torch.tensor([True, False, False]), float('-inf'))")
    facts = measure(files, "model:Net", "float32[4, 5]")
    assert not facts.output[0].finite and facts.output[0].low is not None
    assert any("-inf" in each for each in facts.warnings)


def test_nothing_to_train(measure: Measure) -> None:
    problem = refused(
        measure, one("return self.f(x)", "self.f = nn.Linear(5, 3).requires_grad_(False)"), "model:Net", "float32[4, 5]"
    )
    assert problem.kind == "user" and "no trainable parameter" in problem.message


def test_a_forward_that_raises_shows_its_line_and_the_batch(measure: Measure) -> None:
    files = one("y = self.f(x)\n    return y @ y.transpose(1, 2)")
    problem = refused(measure, files, "model:Net", "x: float32[4, 5]; label: int64[4] < 3")
    assert problem.kind == "user"
    assert problem.message.startswith("Net.forward raised IndexError: Dimension out of range")
    assert (problem.place or "").endswith("in Net.forward")
    assert any("return y @ y.transpose(1, 2)" in line for line in problem.notes)
    assert problem.notes[-2:] == (
        "   = batch: x float32 (4, 5), from --batch",
        "            label int64 (4,), from --batch",
    )


@pytest.mark.parametrize("raising", ["raise SystemExit(3)", "raise KeyboardInterrupt"])
def test_a_forward_that_tries_to_leave(measure: Measure, raising: str) -> None:
    assert refused(measure, one(raising), "model:Net", "float32[4, 5]").kind == "user"


def test_a_forward_that_fails_in_evaluation_alone(measure: Measure) -> None:
    problem = refused(measure, one("assert self.training\n    return self.f(x)"), "model:Net", "float32[4, 5]")
    assert problem.kind == "user" and "in eval mode" in problem.message


def test_batch_norm_on_one_sample(measure: Measure) -> None:
    problem = refused(
        measure,
        one("return self.n(self.f(x))", "self.f = nn.Linear(5, 3)\nself.n = nn.BatchNorm1d(3)"),
        "model:Net",
        "float32[1, 5]",
    )
    assert problem.kind == "user" and "at least two samples" in (problem.hint or "")


def test_an_argument_that_the_constructor_does_not_have_is_refused(measure: Measure) -> None:
    files = {"model.py": HEAD + "class Net(nn.Module):\n    def __init__(self, vocab_size: int, width, depth=2): ...\n"}
    problem = refused(measure, files, "model:Net", "float32[4, 5]", arguments={"vocab_sise": 1})
    assert problem.kind == "input" and problem.hint == "did you mean vocab_size?"


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("model:Plain", "no nn.Module (it inherits dict)"),
        ("model:made", "already made"),
        ("model:number", "returned int"),
        ("model:LIMIT", "is int"),
    ],
)
def test_what_is_no_model(measure: Measure, model: str, says: str) -> None:
    files = {
        "model.py": HEAD + "class Plain(dict): ...\nmade = nn.Linear(2, 2)\ndef number():\n    return 3\nLIMIT = 4\n"
    }
    problem = refused(measure, files, model, "float32[4, 5]")
    assert problem.kind == "input" and says in problem.message


def test_a_constructor_that_raises(measure: Measure) -> None:
    problem = refused(
        measure,
        module("raise ValueError('no weights here')", "def forward(self, x):\n    return x"),
        "model:Net",
        "float32[4, 5]",
    )
    assert problem.kind == "user" and "no weights here" in problem.message


def test_keys_that_forward_does_not_find(measure: Measure) -> None:
    files = module("self.f = nn.Linear(5, 3)", "def forward(self, image, tabular):\n    return self.f(image + tabular)")
    problem = refused(
        measure, files, "model:Net", "images: float32[4, 5]; tabulars: float32[4, 5]; label: int64[4] < 3"
    )
    assert problem.kind == "input"
    assert problem.message == "the batch has keys images, tabulars, label; forward needs image, tabular"
    assert problem.hint == "did you mean images?"


def test_a_target_that_is_not_in_the_batch(measure: Measure) -> None:
    problem = refused(measure, MLP, "model:Net", "x: float32[4, 3]; label: int64[4] < 3", target=["lable"])
    assert problem.kind == "input" and problem.hint == "did you mean label?"


def test_an_auxiliary_that_forward_does_not_return(measure: Measure) -> None:
    files = one("y = self.f(x)\n    return {'logits': y, 'sparsity': y.abs().mean()}")
    measure(files, "model:Net", "float32[4, 5]", auxiliaries=["sparsity"])
    problem = refused(measure, files, "model:Net", "float32[4, 5]", auxiliaries=["sparcity"])
    assert problem.kind == "input" and problem.hint == "did you mean sparsity?"
