"""What a careful reader goes by: a class's own name before its docstring, what arguments are documented to count, layers
that would learn nothing, what a returned number is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.planning.planned import HEAD, model_text, plans
from tests.planning.test_objective_families import Case, demand_reading
from trainergen.errors import AnswerNeeded
from trainergen.families.torch.return_names import return_names
from trainergen.families.torch.seen import returned_prose
from trainergen.planning.plan import TrainerPlan

ROWS = "x: float32[4,6]"
MAP = "x: float32[2,1,8,8]"
PAIR_OF_MAPS = "x: float32[2,2,8,8]"
IMAGE = "x: float32[2,3,16,16]"
NOISY = "x: float32[3,4,8,8]; t: int64[3] < 100"

CASES = [
    # the class's own name before what its docstring mentions
    Case(
        "LoadRegressor",
        "self.a = nn.Linear(6, 3)",
        "self.a(x)",
        ROWS,
        "regression",
        "mse",
        doc="Three loads. The same body could do multi-label classification.",
    ),
    Case("LogisticRegression", "self.a = nn.Linear(6, 1)", "self.a(x).sigmoid()", ROWS, "binary", "bce"),
    Case("SoftmaxRegression", "self.logits = nn.Linear(6, 4)", "self.logits(x)", ROWS, "multi-class", "cross_entropy"),
    Case("AffineRegUNet", "self.a = nn.Conv2d(2, 2, 3, 1, 1)", "self.a(x)", PAIR_OF_MAPS, "regression", "mse"),
    Case(
        "RegNet",
        "self.a, self.classifier = nn.Linear(6, 8), nn.Linear(8, 4)",
        "self.classifier(self.a(x))",
        ROWS,
        "multi-class",
        "cross_entropy",
    ),
    # a network that serves many tasks is no word for one of them
    Case(
        "ShiftUNet",
        "self.a = nn.Conv2d(2, 3, 3, 1, 1)",
        "self.a(x)",
        PAIR_OF_MAPS,
        "regression",
        "mse",
        doc="Gives the displacement field between two scans.",
    ),
    Case("SmallUNet", "self.a = nn.Conv2d(2, 3, 3, 1, 1)", "self.a(x)", PAIR_OF_MAPS, "multi-class", "cross_entropy"),
    Case("ThinUNet", "self.a = nn.Conv2d(1, 1, 3, 1, 1)", "self.a(x)", MAP, "binary", "bce_with_logits"),
    Case(
        "AtlasNet",
        "self.a = nn.Conv2d(1, 1, 3, 1, 1)",
        "self.a(x)",
        MAP,
        "binary",
        "bce_with_logits",
        doc="Brain parcellation from one scan, as a compact representation.",
    ),
    # classes of the language
    Case(
        "Mixer",
        "self.a = nn.Linear(6, 6)",
        "self.a(x)",
        ROWS,
        "regression",
        "mse",
        doc="This class mixes columns, as the classes in this module do.",
    ),
    Case(
        "Sorter",
        "self.a = nn.Linear(6, 4)",
        "self.a(x)",
        ROWS,
        "multi-class",
        "cross_entropy",
        doc="A score for each class.",
    ),
    Case(
        "Flowers",
        "self.a = nn.Linear(6, 4)",
        "self.a(x)",
        ROWS,
        "multi-class",
        "cross_entropy",
        doc="Tells 4 classes of flowers apart.",
    ),
    # what an input says
    Case(
        "Flow",
        "self.a = nn.Linear(3, 2)",
        "self.a(coords)",
        "coords: float32[9,3]",
        "regression",
        "mse",
        "coords",
    ),
    # what is rebuilt need not be the input
    Case(
        "PatchAutoEnc",
        "self.a = nn.Conv2d(3, 1, 3, 1, 1)",
        "self.a(x)",
        IMAGE,
        "reconstruction",
        "mse",
    ),
    Case(
        "MapVAE",
        "self.mu, self.logvar, self.out = nn.Linear(6, 2), nn.Linear(6, 2), nn.Linear(2, 5)",
        '{"out": self.out(self.mu(x)), "mu": self.mu(x), "logvar": self.logvar(x)}',
        ROWS,
        "vae",
        "elbo",
    ),
    Case(
        "BitVAE",
        "self.mu, self.logvar, self.out = nn.Linear(6, 2), nn.Linear(6, 2), nn.Linear(2, 5)",
        '{"out": self.out(self.mu(x)).sigmoid(), "mu": self.mu(x), "logvar": self.logvar(x)}',
        ROWS,
        "vae",
        "elbo_bce",
    ),
    # layers of their own
    Case(
        "Agent",
        "self.body, self.pi, self.v = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(8, 1)",
        "self.pi(self.body(x)), torch.squeeze(self.v(self.body(x)), -1)",
        ROWS,
        "multi-task",
        "weighted_sum",
        doc="Logits of what to do, and what it is worth.",
    ),
    Case(
        "Tracks",
        "self.profile_head, self.count_head = nn.Conv1d(1, 2, 3, 1, 1), nn.Linear(6, 2)",
        '{"profile": self.profile_head(x[:, None]), "count": self.count_head(x)}',
        ROWS,
        "multi-task",
        "weighted_sum",
    ),
    Case(  # two vocabularies that are written side by side: no heads of their own, but the next tokens of each
        "Streams",
        "self.e, self.words, self.notes = nn.Embedding(9, 6), nn.Linear(6, 9), nn.Linear(6, 5)",
        '{"words": self.words(self.e(x)), "notes": self.notes(self.e(x))}',
        "x: int64[2,7] < 9",
        "language-modelling",
        "next_token",
    ),
    # what the graph ends in, where the source has two ends
    Case(
        "Linked",
        "self.a, self.signed = nn.Linear(6, 1), False",
        "(torch.tanh(self.a(x)) if self.signed else torch.sigmoid(self.a(x))).view(-1, 1)",
        ROWS,
        "binary",
        "bce",
    ),
    # mean and spread in one tensor
    Case(
        "OneHead",
        "self.a = nn.Linear(6, 2)",
        "self.a(x)",
        ROWS,
        "heteroscedastic",
        "gaussian_nll_log_variance",
        doc="Predicts a mean and log-variance for each sample.",
    ),
    Case(
        "OneHeadOfThree",
        "self.a = nn.Linear(6, 6)",
        "self.a(x)",
        ROWS,
        "heteroscedastic",
        "gaussian_nll_softplus",
        doc="Outputs the means, and the standard deviations of three loads.",
    ),
    Case(  # normalised by them
        "Standardised",
        "self.a, self.classifier = nn.Linear(6, 8), nn.Linear(8, 4)",
        "self.classifier(self.a(x))",
        ROWS,
        "multi-class",
        "cross_entropy",
        doc="The input is standardised by mean and standard deviation.",
    ),
    Case(  # changes and anomalies have no boxes
        "DetectChange",
        "self.a = nn.Conv2d(3, 1, 3, 1, 1)",
        "self.a(x)",
        IMAGE,
        "binary",
        "bce_with_logits",
        doc="Detects change.",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_model_is_for(tmp_path: Path, case: Case) -> None:
    demand_reading(tmp_path, case)


def best(root: Path, source: str, batch: str, **wished: object) -> TrainerPlan:
    return plans(root, source, batch, synthesised=True, **wished)[0]  # type: ignore[arg-type]


def documented(argument: str, said: str, *, of_class: bool) -> str:
    """A model of four columns whose constructor's `argument` is documented."""
    doc = f'"""Net.\n\n    Args:\n        {argument}: {said}\n    """'
    inner = doc.replace("\n", "\n    ")
    return (
        f"{HEAD}class Net(nn.Module):\n    {doc if of_class else 'size = 8'}\n"
        f"    def __init__(self, width=4, {argument}=4):\n        {'' if of_class else inner}\n        super().__init__()\n"
        f"        self.a = nn.Linear(6, {argument})\n    def forward(self, x):\n        return self.a(x)\n"
    )


@pytest.mark.parametrize("of_class", [True, False])
@pytest.mark.parametrize(
    ("argument", "said", "task"),
    [
        ("dim_out", "how many categories there are", "multi-class"),
        ("dim_out", "1 for regression, else for classification", "multi-class"),
        ("dim_out", "how many columns come out", "regression"),
        ("dim_inner", "how many classes the attention has", "regression"),
    ],
)
def test_the_documentation_of_what_counts_the_columns(
    tmp_path: Path, argument: str, said: str, task: str, of_class: bool
) -> None:
    plan = best(tmp_path, documented(argument, said, of_class=of_class), ROWS)
    loss = next(each for each in plan.decisions if each.topic == "loss")
    # of equally plain columns what is left is the shape, where a last resort may say classes; the documentation does not
    assert (f"the documentation of {argument} says" in loss.reason) == (task == "multi-class")


def test_a_factory_says_no_sizes_and_the_documentation_is_read_all_the_same(tmp_path: Path) -> None:
    source = documented("dim_out", "how many categories there are", of_class=True).replace("dim_out=4", "dim_out")
    source = source.replace("width=4, dim_out", "dim_out, width=4") + "\ndef make():\n    return Net(4)\n"
    plan = best(tmp_path, source, ROWS, factory="model:make")
    assert "the documentation of dim_out says" in next(each.reason for each in plan.decisions if each.topic == "loss")


BODY = "self.a, self.gate, self.scale = nn.Linear(6, 5), nn.Linear(6, 2), nn.Parameter(torch.ones(()))"


@pytest.mark.parametrize(
    ("returned", "doc", "body", "name", "assumed"),
    [
        ("self.a(x), self.gate_loss(x)", "", "gate_loss = lambda self, x: self.gate(x).mean()", "gate_loss", False),
        ("self.a(x), self.gate(x).mean()", "A mixture of experts.", "", "auxiliary_mean", True),
        ("self.a(x), self.gate(x).mean()", "Net.\n\n    Returns:\n        columns and their loss", "", "mean", True),
        ("self.a(x), (self.gate(x).mean() if self.training else None)", "", "", "auxiliary_mean", True),
        ("self.a(x), self.gate(x).mean()", "", "", None, True),
        ("self.a(x), self.scale.exp()", "", "", None, True),
        ("self.a(x), self.scale", "A mixture of experts.", "", None, True),
    ],
)
def test_a_number_beside_the_output_is_a_loss_where_something_says_so(
    tmp_path: Path, returned: str, doc: str, body: str, name: str | None, assumed: bool
) -> None:
    plan = best(tmp_path, model_text(BODY, returned, doc=doc, body=body), ROWS)
    assert [each.name.removeprefix("auxiliary_") for each in plan.objective.auxiliaries] == (
        [] if name is None else [name.removeprefix("auxiliary_")]
    )
    told = next(each for each in plan.decisions if each.topic == "auxiliary")
    assert told.assumed == assumed and "--auxiliary 1=" in (told.runner_up or "")
    assert ("stays out of the loss" in told.choice) == (name is None)


def test_a_number_that_nothing_explains_is_a_loss_where_the_user_says_so(tmp_path: Path) -> None:
    source = model_text(BODY, "self.a(x), self.gate(x).mean()")
    plan = best(tmp_path, source, ROWS, auxiliaries=(("1", 0.5),))
    assert [(each.output, each.weight) for each in plan.objective.auxiliaries] == [((1,), 0.5)]


INNER = """class Inner(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 5)
    def forward(self, x):
        y = self.a(x)
        commitment_loss = y.square().mean()
        if self.training:
            return y, commitment_loss
        return y, None
"""


@pytest.mark.parametrize(
    "outer",
    [
        "class Net(Inner):\n    pass\n",
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.inner = Inner()\n"
        "    def forward(self, x):\n        return self.inner(x)\n",
    ],
    ids=["inherited", "passed on"],
)
def test_who_made_a_part_names_it(tmp_path: Path, outer: str) -> None:
    plan = best(tmp_path, f"{HEAD}{INNER}{outer}", ROWS)
    assert [(each.name, each.training_only) for each in plan.objective.auxiliaries] == [("commitment_loss", True)]


GRID = model_text("self.a = nn.Conv2d(3, 13, 8, 8)", "self.a(x).permute(0, 2, 3, 1)", doc="One-stage detector.")


def test_a_grid_of_raw_detections_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(AnswerNeeded, match="boxes, scores and classes in one tensor") as caught:
        best(tmp_path / "asked", GRID, "x: float32[2,3,16,24]")
    assert caught.value.flags == ("--loss module:name",)
    said = best(tmp_path / "said", GRID, "x: float32[2,3,16,24]", loss="losses:grid")
    assert said.objective.loss == "losses:grid"


@pytest.mark.parametrize(
    ("name", "doc"),
    [
        ("Backbone", "Features for object detection: a backbone of one-stage detectors."),
        ("Net", "Detects forged pixels."),
    ],
)
def test_what_is_no_detector_is_not_asked_about(tmp_path: Path, name: str, doc: str) -> None:
    source = model_text("self.a = nn.Conv2d(3, 13, 8, 8)", "self.a(x)", doc=doc).replace("class Net(", f"class {name}(")
    assert (
        best(tmp_path, source, "x: float32[2,3,16,24]", reference=f"model.py:{name}").objective.loss != "matched_boxes"
    )


HEADLESS = f"""{HEAD}class Net(nn.Module):
    def __init__(self, num_classes=4, classification=False, scale=False):
        super().__init__()
        self.a = nn.Linear(6, 8)
        self.head = nn.Linear(8, num_classes) if classification else nn.Identity()
    def forward(self, x):
        return self.head(self.a(x))
"""


def test_a_head_that_is_switched_off_is_asked_about(tmp_path: Path) -> None:
    with pytest.raises(AnswerNeeded, match="built without its head") as caught:
        best(tmp_path / "asked", HEADLESS, ROWS)
    assert caught.value.flags == ("--model-arg classification=True",)
    on = best(tmp_path / "on", HEADLESS, ROWS, model_arguments=(("classification", True),))
    assert on.objective.task == "multi-class"
    assert best(tmp_path / "off", HEADLESS, ROWS, loss="mse").objective.task == "regression"
    off = best(tmp_path / "said", HEADLESS, ROWS, model_arguments=(("classification", False),))
    assert off.objective.loss  # the user said so
    other = HEADLESS.replace("classification=False", "classification=True")
    assert best(tmp_path / "other", other, ROWS).objective.task == "multi-class"


NOISE = model_text(
    "self.a, self.time = nn.Conv2d(4, 8, 3, 1, 1), nn.Linear(1, 8)",
    "self.a(x) + self.time(t[:, None].float())[:, :, None, None]",
    "x, t",
    "A denoiser.",
)


def test_a_variance_that_a_denoiser_learns_is_asked_about(tmp_path: Path) -> None:
    learnt = NOISE.replace("__init__(self)", "__init__(self, learn_sigma=True)")
    with pytest.raises(AnswerNeeded, match="the noise and its variance") as caught:
        best(tmp_path / "asked", learnt, NOISY)
    assert caught.value.questions[0].evidence == ("learn_sigma is True",)
    fixed = learnt.replace("learn_sigma=True", "learn_sigma=False")
    assert best(tmp_path / "fixed", fixed, NOISY).objective.loss != "denoising_mse"  # twice the channels of the sample
    halved = fixed.replace("4, 8, 3", "4, 4, 3").replace("(1, 8)", "(1, 4)")
    assert best(tmp_path / "halved", halved, NOISY).objective.loss == "denoising_mse"


@pytest.mark.parametrize(
    ("returns", "names"),
    [
        ("return recon, self.fc_mu(h), z.mean", {0: "recon", 1: "fc_mu", 2: "mean"}),
        ("return torch.squeeze(self.v(h), -1), F.normalize(self.p(h), dim=-1)", {0: "v", 1: "p"}),
        ("return self.v(h).squeeze(-1).sigmoid(), log_var.exp()", {0: "v", 1: "exp"}),
        ("if self.training:\n        return y, loss\n    return y, None", {0: "y", 1: "loss"}),
        ("out = [a, b]\n    return out", {0: "a", 1: "b"}),
        ("return (y, gap) if self.training else y", {0: "y", 1: "gap"}),
        ("return y, gap if self.training else None", {0: "y", 1: "gap"}),
        ("return self.net(x)", {}),
        ("hidden = lambda: (a, b)\n    return x", {}),
    ],
)
def test_what_returns_call_their_parts(returns: str, names: dict[int, str]) -> None:
    assert return_names(f"def forward(self, x):\n    {returns}\n") == names


@pytest.mark.parametrize(
    ("docstring", "said"),
    [
        (
            "Net.\n\n    Args:\n        x: rows\n\n    Returns:\n        mean and\n        spread\n\n    Note: no",
            "mean and spread",
        ),
        (
            "Net.\n\n    Returns\n    -------\n    y : Tensor\n        columns\n\n    Notes\n    -----\n    no",
            "y : Tensor columns",
        ),
        ("Net.\n\n    :param x: rows\n    :returns: columns\n", "columns"),
        ("Returns the columns.", "the columns."),
        ("Net that returns nothing to speak of.", ""),
        (None, ""),
    ],
)
def test_what_docstrings_say_of_the_returned_value(docstring: str | None, said: str) -> None:
    assert returned_prose(docstring) == said
