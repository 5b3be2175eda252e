"""Models of sequences, denoisers and maps, for the tests that take them through the whole of ``new``."""

from __future__ import annotations

GPT = """
    class TinyGPT(nn.Module):
        def __init__(self, vocab_size: int = 12) -> None:
            super().__init__()
            self.table, self.mix = nn.Embedding(vocab_size, 8), nn.GRU(8, 8, batch_first=True)
            self.head = nn.Linear(8, vocab_size)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.head(self.mix(self.table(tokens))[0])
"""
BERT = """
    class TinyBert(nn.Module):
        def __init__(self, vocab_size: int = 12) -> None:
            super().__init__()
            self.table, self.mix = nn.Embedding(vocab_size, 8), nn.GRU(8, 4, batch_first=True, bidirectional=True)
            self.head = nn.Linear(8, vocab_size)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.head(self.mix(self.table(tokens))[0])
"""
TRANSLATOR = """
    class Translator(nn.Module):
        def __init__(self, pad_idx: int = 3) -> None:
            super().__init__()
            self.source, self.table = nn.Embedding(9, 8), nn.Embedding(12, 8, padding_idx=pad_idx)
            self.mix, self.head = nn.GRU(8, 8, batch_first=True), nn.Linear(8, 12)

        def forward(self, src: torch.Tensor, tgt: torch.Tensor) -> torch.Tensor:
            return self.head(self.mix(self.table(tgt), self.source(src).mean(dim=1).unsqueeze(0))[0])
"""
LOOPING = """
    class Seq2Seq(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.source, self.table = nn.Embedding(9, 8), nn.Embedding(12, 8)
            self.cell, self.head = nn.GRUCell(8, 8), nn.Linear(8, 12)

        def forward(self, src: torch.Tensor, trg: torch.Tensor) -> torch.Tensor:
            outputs = self.head.weight.new_zeros(*trg.shape, 12)
            state = self.source(src).mean(dim=1)
            for step in range(1, trg.shape[1]):
                state = self.cell(self.table(trg[:, step - 1]), state)
                outputs[:, step] = self.head(state)
            return outputs
"""
DENOISER = """
    class NoisePredictor(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix, self.time, self.out = nn.Conv2d(2, 4, 3, padding=1), nn.Linear(1, 4), nn.Conv2d(4, 2, 1)

        def forward(self, x: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
            level = self.time(timesteps.unsqueeze(1) / 100)
            return self.out(torch.tanh(self.mix(x) + level[:, :, None, None]))
"""
TRANSCRIBER = """
    class SpeechRecogniser(nn.Module):
        def __init__(self, num_classes: int = 6) -> None:
            super().__init__()
            self.mix, self.head = nn.GRU(4, 8, batch_first=True), nn.Linear(8, num_classes)

        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return self.head(self.mix(features)[0]){activation}
"""
DETECTOR = """
    class AnchorDetector(nn.Module):
        def __init__(self, num_classes: int = 3) -> None:
            super().__init__()
            self.mix, self.cls, self.box = nn.Conv2d(1, 4, 3, 2, 1), nn.Conv2d(4, num_classes, 1), nn.Conv2d(4, 4, 1)

        def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
            places = torch.tanh(self.mix(image))
            logits, boxes = self.cls(places).flatten(2), self.box(places).flatten(2)
            return {"logits": logits.transpose(1, 2), "boxes": boxes.transpose(1, 2)}
"""
OWN_PARTS = """
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(6, 2)

        def forward(self, features: torch.Tensor, target: torch.Tensor) -> dict[str, torch.Tensor]:
            near, far = (self.head(features) - target.unsqueeze(1)).unbind(dim=1)
            return {"loss_near": near.square().mean(), "loss_far": far.abs().mean()}
"""
QUANTISER = """
    class Codebook(nn.Module):
        \"\"\"Vector quantization with a straight-through gradient.\"\"\"

        def __init__(self) -> None:
            super().__init__()
            self.codes = nn.Embedding(8, 4)

        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            nearest = torch.cdist(x, self.codes.weight.expand(x.shape[0], -1, -1)).argmin(dim=-1)
            codes = self.codes(nearest)
            return x + (codes - x).detach(), (codes - x.detach()).square().mean()
"""
SUPERVISED_DEEPLY = """
    class DeepUNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix, self.early, self.late = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 3, 1), nn.Conv2d(4, 3, 1)

        def forward(self, image: torch.Tensor) -> list[torch.Tensor]:
            places = self.mix(image)
            return [self.late(torch.tanh(places)), self.early(places)]
"""
HIDDEN = """
    class MaskedAutoencoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix, self.out = nn.Linear(4, 8), nn.Linear(8, 4)

        def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            patches = image.unfold(1, 4, 4)
            mask = torch.zeros_like(patches[..., 0])
            mask[:, ::2] = 1
            places = self.mix(patches * (1 - mask.unsqueeze(-1)))
            return self.out(places + places.mean(dim=1, keepdim=True)), mask
"""
TRAINED_BESIDE = """
    class DigitClassifier(nn.Module):
        def __init__(self, num_classes: int = 3) -> None:
            super().__init__()
            self.mix, self.head = nn.Linear(6, 8), nn.Linear(8, num_classes)

        def forward(self, x: torch.Tensor):
            code = self.mix(x)
            logits, spread = self.head(code), code.square().mean()
            {returned}
"""
FORECASTER = """
    class Forecaster(nn.Module):
        def __init__(self, horizon: int = 5) -> None:
            super().__init__()
            self.mix, self.head = nn.GRU(3, 8, batch_first=True), nn.Linear(8, horizon)

        def forward(self, series: torch.Tensor) -> torch.Tensor:
            return self.head(self.mix(series)[0][:, -1])
"""

MODELS: dict[str, tuple[str, str, str]] = {
    "masked-modelling": (BERT, "", "tokens: int64[4,7] < 12; labels: int64[4,7] < 12"),
    "seq2seq": (TRANSLATOR, "", "src: int64[4,5] < 9; tgt: int64[4,7] < 12"),
    "diffusion": (DENOISER, "", "x: float32[4,2,5,5]; timesteps: int64[4] < 100; noise: float32[4,2,5,5]"),
    "ctc": (
        TRANSCRIBER,
        "",
        "features: float32[4,9,4]; targets: int64[4,3] in [1, 6); input_lengths: int64[4] in [7, 10); "
        "target_lengths: int64[4] in [1, 4)",
    ),
    "detection": (DETECTOR, "", "image: float32[4,1,6,6]; labels: int64[4,9] < 3; boxes: float32[4,9,4]"),
    "reconstruction-masked_mse": (HIDDEN, "", "image: float32[4,20]; patches: float32[4,5,4]"),
    "own-loss-own_sum": (OWN_PARTS, "", "(float32[8,6], float32[8])"),
}
"""Task, or task and loss -> model, columns of its output, batch that a user gives: see `test_objectives`."""
