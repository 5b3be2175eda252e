"""A model and a user's batch for every loss that compares embeddings, risks or edges: test_objectives takes them."""

from __future__ import annotations

BODY = """
    class {name}(nn.Module):
        \"\"\"{doc}\"\"\"

        def __init__(self) -> None:
            super().__init__()
            {layers}

        def forward(self, {takes}) -> {gives}:
            {returned}
"""


def model(name: str, layers: str, takes: str, returned: str, gives: str = "torch.Tensor", doc: str = "A model.") -> str:
    """The text of a class; `takes` are names of tensors."""
    arguments = ", ".join(f"{each}: torch.Tensor" for each in takes.split())
    filled = BODY.replace("{name}", name).replace("{doc}", doc).replace("{layers}", layers)
    return filled.replace("{takes}", arguments).replace("{gives}", gives).replace("{returned}", returned)


SPREAD = model(
    "Gaussian",
    "self.mean, self.spread = nn.Linear(6, 1), nn.Sequential(nn.Linear(6, 1), nn.Softplus())",
    "features",
    'return {"mean": self.mean(features), "variance": self.spread(features)}',
    "dict[str, torch.Tensor]",
)
DOC = "Predicts the mean and log-variance of {}."
ONE_HEAD = model(
    "OneHead", "self.head = nn.Linear(6, 2)", "features", "return self.head(features)", doc=DOC.format("a load")
)
HALVES = model(
    "Halves", "self.head = nn.Linear(6, 6)", "features", "return self.head(features)", doc=DOC.format("loads")
)
LATENT = "self.mu, self.logvar, self.out = nn.Linear(6, 2), nn.Linear(6, 2), nn.Linear(2, 5)"
OTHER_FORM = model(
    "MapVAE",
    LATENT,
    "features",
    "mu = self.mu(features)\n            return self.out(mu).sigmoid(), mu, self.logvar(features)",
    "tuple[torch.Tensor, torch.Tensor, torch.Tensor]",
)
GRAY = model("GrayAutoEnc", "self.a = nn.Conv2d(3, 1, 3, 1, 1)", "image", "return self.a(image)")
ACTOR = model(
    "Agent",
    "self.body, self.pi, self.v = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(8, 1)",
    "features",
    "h = torch.tanh(self.body(features))\n            return self.pi(h), torch.squeeze(self.v(h), -1)",
    "tuple[torch.Tensor, torch.Tensor]",
)
QUANTILES = model("QuantileNet", "self.head = nn.Linear(6, 3)", "features", "return self.head(features)")
TOWERS = "self.a, self.b = nn.Linear(4, 8), nn.Linear(5, 8)"
PAIRED = "image: float32[6,4]; text: float32[6,5]"
CLIP = model(
    "TinyCLIP",
    TOWERS,
    "image text",
    "a, b = nn.functional.normalize(self.a(image)), nn.functional.normalize(self.b(text))\n"
    '            return {"logits_per_image": 10 * a @ b.T, "logits_per_text": 10 * b @ a.T}',
    "dict[str, torch.Tensor]",
)
SCALED = model(
    "ScaledCLIP",
    f"{TOWERS}\n            self.logit_scale = nn.Parameter(torch.ones(()))",
    "image text",
    'return {"image": self.a(image), "text": self.b(text), "logit_scale": self.logit_scale.exp()}',
    "dict[str, torch.Tensor]",
)
TWO_TOWERS = model(
    "TwoTower", TOWERS, "image text", "return self.a(image), self.b(text)", "tuple[torch.Tensor, torch.Tensor]"
)
ENCODER = "self.body = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.2), nn.Linear(16, 8, bias=False))"
"""Without a last bias: differences of embeddings cancel it, and then a proof has no gradient of it to compare."""
SIM_CLR = model("SimCLR", ENCODER, "x", "return self.body(x)")
SUPERVISED = model("SupCon", ENCODER, "x", "return self.body(x)")
TRIPLETS = model("TripletEncoder", ENCODER, "x", "return self.body(x)")
SIAMESE = model("Siamese", ENCODER, "x1 x2", "return self.body(x1), self.body(x2)", "tuple[torch.Tensor, torch.Tensor]")
DISTANCE = model(
    "SiameseDistance", ENCODER, "x1 x2", "return nn.functional.pairwise_distance(self.body(x1), self.body(x2))"
)
ALIKE = "x1: float32[8,6]; x2: float32[8,6]; same: int64[8] < 2"
COX = model("DeepSurv", "self.head = nn.Linear(6, 1, bias=False)", "x", "return self.head(x)")
HAZARDS = model("Hazards", "self.head = nn.Linear(6, 5)", "x", "return self.head(x)", doc="Discrete survival.")
EVENT_TIMES = model(
    "DeepHit", "self.head = nn.Linear(6, 5)", "x", "return self.head(x).softmax(dim=1)", doc="When an event happens."
)
PROBABLE = model("Hazards", "self.head = nn.Linear(6, 5)", "x", "return torch.sigmoid(self.head(x))")
WATCHED = "x: float32[8,6]; interval: int64[8] < 5; event: bool[8]"
MIXED = "torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])"
EDGES = model(
    "LinkPredictor",
    "self.a = nn.Linear(5, 8)",
    "x edge_index",
    f"found = self.a({MIXED})\n            return (found[edge_index[0]] * found[edge_index[1]]).sum(-1)",
)
EDGE_CHANCES = EDGES.replace("return (", "return torch.sigmoid((").replace(".sum(-1)", ".sum(-1))")
NODES = model("GraphAutoEncoder", "self.a = nn.Linear(5, 8)", "x edge_index", f"return self.a({MIXED})")
GRAPH = "x: float32[7,5]; edge_index: int64[2,12] < 7; edge_label: int64[12] < 2"

MODELS: dict[str, tuple[str, str, str]] = {
    "heteroscedastic": (SPREAD, "", "(float32[8,6], float32[8])"),
    "quantile": (QUANTILES, "", "(float32[8,6], float32[8])"),
    "contrastive": (CLIP, "", PAIRED),
    "contrastive-clip_of_scale": (SCALED, "", PAIRED),
    "contrastive-clip_of_log_scale": (SCALED, "", PAIRED),
    "contrastive-info_nce": (TWO_TOWERS, "", PAIRED),
    "contrastive-nt_xent": (SIM_CLR, "", "(float32[6,6], float32[6,6])"),
    "contrastive-supervised_contrastive": (SUPERVISED, "", "(float32[8,6], int64[8] < 3)"),
    "triplet": (TRIPLETS, "", "(float32[8,6], float32[8,6], float32[8,6])"),
    "triplet-pair_margin": (SIAMESE, "", ALIKE),
    "triplet-distance_margin": (DISTANCE, "", ALIKE),
    "survival": (COX, "", "x: float32[8,6]; time: float32[8] in [0, 9); event: int64[8] < 2"),
    "survival-discrete_time": (HAZARDS, "", WATCHED),
    "survival-discrete_time_of_hazards": (PROBABLE, "", WATCHED),
    "survival-event_time": (EVENT_TIMES, "", WATCHED),
    "link-prediction": (EDGES, "", GRAPH),
    "link-prediction-bce": (EDGE_CHANCES, "", GRAPH),
    "link-prediction-dot_product": (NODES, "", GRAPH.replace("edge_label: int64[12] < 2", "negatives: int64[2,9] < 7")),
}
"""Task, or task and loss -> model, columns of its output, batch."""

LONG_TAIL = {
    "heteroscedastic-gaussian_nll_log_variance",
    "heteroscedastic-gaussian_nll_deviation",
    "heteroscedastic-gaussian_nll_log_deviation",
    "contrastive-clip_of_log_scale",
    "link-prediction-bce_with_logits",
    "survival-discrete_time_of_hazards",
    "heteroscedastic-all",
    "quantile-all",
    "link-prediction-all",
}
"""What differs from its neighbours least."""
