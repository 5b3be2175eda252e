"""Encoder-decoder transformer for translation, teacher forced. Pad is 1 in both vocabularies."""

import math

import torch
import torch.nn as nn

PAD = 1


class PosEnc(nn.Module):
    def __init__(self, d, maxlen=512):
        super().__init__()
        den = torch.exp(-torch.arange(0, d, 2) * math.log(10000) / d)
        pos = torch.arange(0, maxlen).reshape(maxlen, 1)
        pe = torch.zeros((maxlen, d))
        pe[:, 0::2] = torch.sin(pos * den)
        pe[:, 1::2] = torch.cos(pos * den)
        self.register_buffer("pe", pe.unsqueeze(0))

    def forward(self, x):
        return x + self.pe[:, : x.size(1)]


class Translator(nn.Module):
    def __init__(self, src_vocab, tgt_vocab, d_model=64, nhead=4, n_enc=1, n_dec=1, d_ff=128, dropout=0.1):
        super().__init__()
        self.d_model = d_model
        self.src_emb = nn.Embedding(src_vocab, d_model, padding_idx=PAD)
        self.tgt_emb = nn.Embedding(tgt_vocab, d_model, padding_idx=PAD)
        self.pe = PosEnc(d_model)
        self.tx = nn.Transformer(d_model, nhead, n_enc, n_dec, d_ff, dropout, batch_first=True)
        self.generator = nn.Linear(d_model, tgt_vocab)

    def forward(self, src, tgt):
        if src.size(0) != tgt.size(0):
            raise RuntimeError("the batch number of src and tgt must be equal")
        causal = nn.Transformer.generate_square_subsequent_mask(tgt.size(1), device=tgt.device).isinf()
        s = self.pe(self.src_emb(src) * math.sqrt(self.d_model))
        t = self.pe(self.tgt_emb(tgt) * math.sqrt(self.d_model))
        h = self.tx(
            s,
            t,
            tgt_mask=causal,
            src_key_padding_mask=src == PAD,
            tgt_key_padding_mask=tgt == PAD,
            memory_key_padding_mask=src == PAD,
        )
        return self.generator(h)
