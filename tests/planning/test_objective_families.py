"""What small models in the manner of real ones are trained for, where nobody gave more than their inputs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.planning.planned import model_text, plans
from trainergen.errors import AnswerNeeded

TOKENS = "tokens: int64[3,8] < 12"
PAIR = "src: int64[3,6] < 12; tgt: int64[3,8] < 14"
ATTENTION = "self.table = nn.Embedding(12, 16)\nself.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)\n"
CAUSAL_MASK = "nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])"
TRANSLATE = "self.a, self.b = nn.Embedding(12, 16), nn.Embedding(14, 16)\nself.core = nn.Transformer(16, 2, 1, 1, 32, batch_first=True)\nself.head = nn.Linear(16, 14)"
DECODE = "self.head(self.core(self.a(src), self.b(tgt), tgt_mask=nn.Transformer.generate_square_subsequent_mask(tgt.shape[1])))"


@dataclass(frozen=True)
class Case:
    """A model, its inputs, and what it is trained for."""

    name: str
    layers: str
    returned: str
    batch: str
    task: str
    loss: str
    takes: str = "x"
    doc: str = ""
    assumed: bool = True

    def source(self) -> str:
        return model_text(self.layers, self.returned, self.takes, self.doc).replace("class Net(", f"class {self.name}(")


CASES = [
    Case(
        "TinyGPT",
        f"{ATTENTION}self.head = nn.Linear(16, 12)",
        f"self.head(self.layer(self.table(tokens), src_mask={CAUSAL_MASK}))",
        TOKENS,
        "language-modelling",
        "next_token",
        "tokens",
        assumed=False,
    ),
    Case(
        "TinyBert",
        f"{ATTENTION}self.head = nn.Linear(16, 12)",
        "self.head(self.layer(self.table(tokens)))",
        TOKENS,
        "masked-modelling",
        "masked_tokens",
        "tokens",
        assumed=False,
    ),
    Case(  # its name says nothing: what a place sees does
        "ProteinEncoder",
        f"{ATTENTION}self.head = nn.Linear(16, 12)",
        "self.head(self.layer(self.table(tokens)))",
        TOKENS,
        "masked-modelling",
        "masked_tokens",
        "tokens",
    ),
    Case(  # a name that says LM, and places that see both ways
        "SequenceLM",
        f"{ATTENTION}self.head = nn.Linear(16, 12)",
        "self.head(self.layer(self.table(tokens)))",
        TOKENS,
        "masked-modelling",
        "masked_tokens",
        "tokens",
    ),
    Case(
        "CharRNN",
        "self.table, self.mix, self.head = nn.Embedding(12, 8), nn.LSTM(8, 8, batch_first=True), nn.Linear(8, 12)",
        "self.head(self.mix(self.table(tokens))[0])",
        TOKENS,
        "language-modelling",
        "next_token",
        "tokens",
        assumed=False,
    ),
    Case(
        "PosTagger",
        f"{ATTENTION}self.head = nn.Linear(16, 5)",
        "self.head(self.layer(self.table(tokens)))",
        TOKENS,
        "multi-class",
        "cross_entropy",
        "tokens",
    ),
    Case("Translator", TRANSLATE, DECODE, PAIR, "seq2seq", "next_target_token", "src, tgt", assumed=False),
    Case(
        "Transformer",
        TRANSLATE,
        DECODE.replace("src", "x").replace("tgt)", "y)").replace("tgt.", "y."),
        "x: int64[3,6] < 12; y: int64[3,8] < 14",
        "seq2seq",
        "next_target_token",
        "x, y",
    ),
    Case(
        "NoiseUNet",
        "self.mix, self.time = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(1, 3)",
        "self.mix(x) + self.time(t[:, None].float())[:, :, None, None]",
        "x: float32[3,3,8,8]; t: int64[3] < 100",
        "diffusion",
        "denoising_mse",
        "x, t",
        "Predict the noise of a diffusion model (DDPM).",
    ),
    Case(
        "ScoreNet",
        "self.mix, self.time = nn.Linear(4, 4), nn.Linear(1, 4)",
        "self.mix(x) + self.time(sigma[:, None])",
        "x: float32[3,4]; sigma: float32[3]",
        "diffusion",
        "denoising_mse",
        "x, sigma",
        "A score network.",
    ),
    Case(  # t is a temperature here
        "CurveClassifier",
        "self.mix, self.time = nn.Linear(4, 5), nn.Linear(1, 5)",
        "self.mix(x) + self.time(t[:, None])",
        "x: float32[3,4]; t: float32[3]",
        "multi-class",
        "cross_entropy",
        "x, t",
    ),
    Case(
        "SpeechRecognizer",
        "self.mix, self.head = nn.GRU(4, 8, batch_first=True), nn.Linear(8, 6)",
        "F.log_softmax(self.head(self.mix(features)[0]), dim=-1)",
        "float32[3,9,4]",
        "ctc",
        "ctc_of_log_probabilities",
        "features",
    ),
    Case(  # the recurrent layers of a CRNN take frames first
        "CRNN",
        "self.conv, self.mix, self.head = nn.Conv2d(1, 4, 3, padding=1), nn.LSTM(4, 8), nn.Linear(8, 7)",
        "self.head(self.mix(self.conv(image).mean(2).permute(2, 0, 1))[0])",
        "image: float32[3,1,8,20]",
        "ctc",
        "ctc",
        "image",
        "Text recognition with CTC.",
    ),
    Case(
        "KeywordSpotter",
        "self.mix, self.head = nn.GRU(4, 8, batch_first=True), nn.Linear(8, 6)",
        "self.head(self.mix(features)[0][:, -1])",
        "float32[3,9,4]",
        "multi-class",
        "cross_entropy",
        "features",
        "Classify spoken commands.",
    ),
    Case(  # a loss that forward computes of the labels that it takes
        "SpanModel",
        "self.head = nn.Linear(4, 3)",
        "(F.cross_entropy(self.head(x), labels), self.head(x))",
        "x: float32[6,4]; labels: int64[6] < 3",
        "own-loss",
        "own",
        "x, labels",
    ),
    Case(
        "BoxDetector",
        "self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 4)",
        '{"loss_classifier": F.cross_entropy(self.a(x), labels), "loss_box": self.b(x).abs().mean()}',
        "x: float32[6,4]; labels: int64[6] < 3",
        "own-loss",
        "own_sum",
        "x, labels",
        assumed=False,
    ),
    Case(
        "Codebook",
        "self.codes = nn.Embedding(16, 4)",
        "(x + (self.codes.weight[0] - x).detach(), (self.codes.weight[0] - x).square().mean())",
        "float32[6,8,4]",
        "own-loss",
        "own",
        "x",
        "Vector quantization of a continuous code.",
    ),
    Case(  # the loss beside the output balances experts
        "ExpertClassifier",
        "self.a, self.gate = nn.Linear(4, 3), nn.Linear(4, 2)",
        "(self.a(x), self.gate(x).softmax(1).mean(0).square().sum())",
        "float32[6,4]",
        "multi-class",
        "cross_entropy",
        doc="A mixture of experts for classification.",
    ),
    Case(
        "QuantizedAutoencoder",
        "self.a, self.b = nn.Linear(4, 2), nn.Linear(2, 4)",
        "(self.b(self.a(x)), (self.a(x) - self.a(x).round().detach()).square().mean())",
        "float32[6,4]",
        "reconstruction",
        "mse",
        doc="An autoencoder with a codebook.",
    ),
    Case(
        "AnchorDetector",
        "self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 4)",
        '{"cls_logits": self.a(x), "bbox": self.b(x)}',
        "float32[3,7,4]",
        "detection",
        "matched_boxes",
    ),
    Case(  # two answers a sample
        "FaceNet",
        "self.a, self.b = nn.Linear(4, 1), nn.Linear(4, 3)",
        '{"age": self.a(x), "emotion_logits": self.b(x)}',
        "float32[6,4]",
        "multi-task",
        "weighted_sum",
        doc="A multi-task model of faces.",
    ),
    Case(  # a state beside the answer is no second head
        "SequenceClassifier",
        "self.mix, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 3)",
        "(self.head(self.mix(x)[0][:, -1]), self.mix(x)[1])",
        "float32[6,5,4]",
        "multi-class",
        "cross_entropy",
    ),
    Case(  # nor are weights of attention
        "AttentionClassifier",
        "self.mix, self.head = nn.MultiheadAttention(4, 2, batch_first=True), nn.Linear(4, 3)",
        '{"logits": self.head(self.mix(x, x, x)[0].mean(1)), "attention": self.mix(x, x, x)[1]}',
        "float32[6,5,4]",
        "multi-class",
        "cross_entropy",
    ),
    Case(  # nor the states of every layer
        "DeepEncoder",
        "self.a, self.b, self.head = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3)",
        '{"logits": self.head(self.b(self.a(x))), "hidden_states": [self.a(x), self.b(self.a(x))]}',
        "float32[6,4]",
        "multi-class",
        "cross_entropy",
    ),
    Case(
        "SpeedRegressor",
        "self.mix, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 1)",
        "self.head(self.mix(x)[0][:, -1])",
        "float32[6,5,4]",
        "regression",
        "mse",
    ),
    Case(
        "SalesForecaster",
        "self.mix, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 12)",
        "self.head(self.mix(x)[0][:, -1])",
        "float32[6,5,4]",
        "regression",
        "mse",
        doc="Forecast the next 12 days.",
    ),
    Case(
        "VesselUNet",
        "self.a, self.b = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 1, 1)",
        "self.b(F.relu(self.a(x)))",
        "float32[3,1,8,8]",
        "binary",
        "bce_with_logits",
        doc="Segmentation of vessels.",
    ),
    Case(
        "OrganUNet",
        "self.a, self.b = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 3, 1)",
        "self.b(F.relu(self.a(x)))",
        "float32[3,1,8,8]",
        "multi-class",
        "cross_entropy",
    ),
    Case(  # two depths of one network, one map of classes each
        "DeepSupervisedUNet",
        "self.a, self.b, self.c = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 3, 1), nn.Conv2d(4, 3, 1)",
        "[self.b(self.a(x)), self.c(F.relu(self.a(x)))]",
        "float32[3,1,8,8]",
        "multi-class",
        "cross_entropy",
    ),
    Case(
        "SaliencyNet",
        "self.a, self.b = nn.Conv2d(3, 1, 3, padding=1), nn.Conv2d(3, 1, 1)",
        "(torch.sigmoid(self.a(x)), torch.sigmoid(self.b(x)))",
        "float32[3,3,8,8]",
        "binary",
        "bce",
    ),
    Case(
        "DepthNet",
        "self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 1, 1)",
        "self.b(F.relu(self.a(x)))",
        "float32[3,3,8,8]",
        "regression",
        "mse",
        doc="Monocular depth estimation.",
    ),
    Case(
        "FlowNet",
        "self.a = nn.Conv2d(2, 2, 3, padding=1)",
        "self.a(torch.cat([moving, fixed], 1))",
        "moving: float32[3,1,8,8]; fixed: float32[3,1,8,8]",
        "regression",
        "mse",
        "moving, fixed",
        "Predict the displacement field of a registration.",
    ),
    Case(  # a number a day; the horizon is said by its size alone where it is an argument
        "Informer",
        "self.mix, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 4 * 6)",
        "self.head(self.mix(x)[0][:, -1]).view(-1, 6, 4)",
        "float32[6,5,4]",
        "regression",
        "mse",
        doc="Long sequence time-series forecasting.",
    ),
    Case(
        "GaitClassifier",
        "self.mix, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, 6)",
        "self.head(self.mix(x)[0][:, -1])",
        "float32[6,5,4]",
        "multi-class",
        "cross_entropy",
        doc="Classify multivariate signals.",
    ),
    Case(  # one of a pair that goes through the same layers is no sequence to decode
        "PairClassifier",
        "self.table, self.head = nn.Embedding(12, 8), nn.Linear(16, 3)",
        "self.head(torch.cat([self.table(a).mean(1), self.table(b).mean(1)], 1))",
        "a: int64[3,6] < 12; b: int64[3,8] < 12",
        "multi-class",
        "cross_entropy",
        "a, b",
    ),
]


def demand_reading(tmp_path: Path, case: Case) -> None:
    """The best plan has the case's task and loss, marked as it says."""
    found = plans(tmp_path, case.source(), case.batch, reference=f"model.py:{case.name}", synthesised=True)
    shown = [
        (each.objective.task, each.objective.loss, [row.reason for row in each.decisions if row.topic == "loss"])
        for each in found
    ]
    assert (found[0].objective.task, found[0].objective.loss) == (case.task, case.loss), shown
    loss = next(each for each in found[0].decisions if each.topic == "loss")
    assert loss.assumed == case.assumed, shown


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_model_is_for(tmp_path: Path, case: Case) -> None:
    demand_reading(tmp_path, case)


def test_a_forecast_is_held_against_the_future(tmp_path: Path) -> None:
    source = model_text(
        "self.mix, self.head = nn.LSTM(4, 8, batch_first=True), nn.Linear(8, horizon)",
        "self.head(self.mix(x)[0][:, -1])",
    ).replace("__init__(self)", "__init__(self, horizon=12)")
    best, *_ = plans(tmp_path, source, "float32[6,5,4]", synthesised=True)
    assert (best.objective.task, best.objective.target_variable) == ("regression", "future")
    loss = next(each for each in best.decisions if each.topic == "loss")
    assert loss.reason == "output [batch, 12]: horizon steps after x"


def test_what_a_denoiser_predicts_follows_from_its_words(tmp_path: Path) -> None:
    layers, returned = "self.mix, self.time = nn.Linear(4, 4), nn.Linear(1, 4)", "self.mix(x) + self.time(t[:, None])"
    for word, key in (("noise", "noise"), ("velocity", "velocity"), ("denoised sample", "clean")):
        source = model_text(layers, returned, "x, t", f"Predict the {word} of a diffusion model.")
        best, *_ = plans(tmp_path / key, source, "x: float32[6,4]; t: float32[6]", synthesised=True)
        assert (best.objective.task, best.objective.target_variable) == ("diffusion", key)


def test_boxes_without_places_of_their_own_are_asked_about(tmp_path: Path) -> None:
    source = model_text(
        "self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 4)", '{"pred_logits": self.a(x), "pred_boxes": self.b(x)}'
    )
    with pytest.raises(AnswerNeeded) as caught:
        plans(tmp_path / "asked", source, "float32[3,7,4]", synthesised=True)
    assert caught.value.questions[0].about == "which object each of the predicted boxes is compared with"
    assert "--loss matched_boxes" in (caught.value.hint or "")
    best, *_ = plans(tmp_path / "said", source, "float32[3,7,4]", synthesised=True, loss="matched_boxes")
    assert [each.role for each in best.objective.parts] == ["boxes", "target_boxes"]


def test_a_decoder_that_sees_later_tokens_is_said_to(tmp_path: Path) -> None:
    open_decoder = DECODE.partition(", tgt_mask")[0] + "))"
    source = model_text(TRANSLATE, open_decoder, "src, tgt")
    best, *_ = plans(tmp_path, source, PAIR, synthesised=True)
    loss = next(each for each in best.decisions if each.topic == "loss")
    assert best.objective.task == "seq2seq" and loss.assumed
    assert "a place sees later tokens of it (measured): it needs a mask" in loss.reason


G = "self.generator = nn.Linear(4, 4)\nself.discriminator = nn.Linear(4, 1)"


@pytest.mark.parametrize(
    ("name", "source", "batch"),
    [
        pytest.param(
            "ToyGAN", model_text(G, "self.discriminator(self.generator(z))", "z"), "z: float32[4,4]", id="both"
        ),
        pytest.param(
            "ImageDiscriminator", model_text("self.a = nn.Linear(4, 1)", "self.a(x)"), "x: float32[4,4]", id="one"
        ),
        pytest.param(
            "Generator", model_text("self.a = nn.Linear(4, 9)", "self.a(z)", "z"), "z: float32[4,4]", id="other"
        ),
    ],
)
def test_two_models_that_train_against_each_other_are_named(tmp_path: Path, name: str, source: str, batch: str) -> None:
    with pytest.raises(AnswerNeeded, match="train against each other"):
        plans(
            tmp_path,
            source.replace("class Net(", f"class {name}("),
            batch,
            reference=f"model.py:{name}",
            synthesised=True,
        )


@pytest.mark.parametrize(
    ("name", "source", "batch", "task"),
    [
        pytest.param(
            "TextGenerator",
            model_text(
                "self.table, self.mix = nn.Embedding(9, 9), nn.GRU(9, 9, batch_first=True)",
                "self.mix(self.table(tokens))[0]",
                "tokens",
            ),
            "tokens: int64[3,6] < 9",
            "language-modelling",
            id="of text",
        ),
        pytest.param(
            "Critic",
            model_text("self.a = nn.Linear(6, 1)", "self.a(torch.cat([state, action], 1))", "state, action"),
            "state: float32[3,4]; action: float32[3,2]",
            "regression",
            id="of a policy",
        ),
    ],
)
def test_a_name_alone_makes_no_adversary(tmp_path: Path, name: str, source: str, batch: str, task: str) -> None:
    found = plans(
        tmp_path, source.replace("class Net(", f"class {name}("), batch, reference=f"model.py:{name}", synthesised=True
    )
    assert found[0].objective.task == task
