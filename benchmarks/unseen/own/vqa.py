import torch
import torch.nn as nn


class TinyVQA(nn.Module):
    """Visual question answering as classification over the most common answers."""

    def __init__(self, n_words, n_answers, emb=32, hid=64):
        super().__init__()
        self.img = nn.Sequential(
            nn.Conv2d(3, 16, 5, 2, 2), nn.ReLU(), nn.Conv2d(16, 32, 5, 2, 2), nn.ReLU(), nn.AdaptiveAvgPool2d((2, 2))
        )
        self.img_fc = nn.Linear(32 * 4, hid)
        self.words = nn.Embedding(n_words, emb)
        self.q_rnn = nn.GRU(emb, hid, batch_first=True)
        self.classifier = nn.Sequential(nn.Linear(hid, hid), nn.Tanh(), nn.Dropout(0.5), nn.Linear(hid, n_answers))

    def forward(self, picture, question):
        v = torch.tanh(self.img_fc(self.img(picture).flatten(1)))
        _, q = self.q_rnn(self.words(question))
        return self.classifier(v * torch.tanh(q.squeeze(0)))
