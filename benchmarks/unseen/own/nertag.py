import torch
import torch.nn as nn


class NerTagger(nn.Module):
    """Words and their characters in, a tag score for each word out."""

    def __init__(self, word_vocab, char_vocab, tagset_size, word_dim=32, char_dim=8, hidden=32):
        super().__init__()
        self.wemb = nn.Embedding(word_vocab, word_dim)
        self.cemb = nn.Embedding(char_vocab, char_dim)
        self.cconv = nn.Conv1d(char_dim, char_dim * 2, 3, padding=1)
        self.lstm = nn.LSTM(word_dim + 2 * char_dim, hidden // 2, bidirectional=True, batch_first=True)
        self.hidden2tag = nn.Linear(hidden, tagset_size)

    def forward(self, words, chars):
        B, W, C = chars.shape
        assert words.shape == (B, W), "chars must be (batch, words, letters)"
        c = self.cemb(chars.view(B * W, C)).transpose(1, 2)
        c = self.cconv(c).max(-1)[0].view(B, W, -1)
        h, _ = self.lstm(torch.cat([self.wemb(words), c], -1))
        return self.hidden2tag(h)
