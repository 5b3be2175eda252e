"""What an argument is for, by its name: words are brought to one spelling, then the longest known ending decides.

``num_attention_heads``, ``nhead`` and ``attn_n_heads`` all end in "head". The words are those of torch's own layers, of
papers (``d_model``, ``z_dim``) and of what research code makes of both.
"""

from __future__ import annotations

import functools
import re
from typing import Literal

Role = Literal[
    "pretrained", "weights", "flag", "on", "spatial_rank", "head_width", "kv_heads", "heads", "input_shape", "image", "patch",
    "patches", "window", "classes", "relations", "nodes", "edge", "cardinalities", "vocabulary", "codebook", "index",
    "channels_in", "channels_out", "features_in", "features_out", "feedforward", "latent", "depth", "horizon", "length",
    "time_steps", "kernel", "stride", "padding", "dilation", "groups", "norm_groups", "dropout", "ratio", "activation", "norm",
    "mode", "pool", "epsilon", "momentum", "temperature", "coefficient", "device", "dtype", "seed", "path", "experts", "top_k",
    "samples", "width", "pyramid", "count", "module", "config",
]  # fmt: skip
"""What a value is used as. `width` is any inner size, `pyramid` a width per level, `count` a small number of things."""

# One spelling -> how else it is written.
_SPELLINGS = {
    "#": "n num nb nr number no nums",
    "size": "sizes dim dims dimension dimensions width widths units unit",
    "in": "input inp inputs",
    "out": "output outputs",
    "channel": "channels chan chans ch planes plane",
    "feature": "features feat feats nf attr attrs attributes attribute",
    "hidden": "hid hiddens",
    "embed": "embedding embeddings emb embd embeds embs",
    "head": "heads",
    "layer": "layers lyr",
    "block": "blocks blk",
    "level": "levels scales stages stage",
    "class": "classes label labels cls cats category categories species speakers tags intents",
    "token": "tokens tok words word items users user item chars characters entities movies products symbols phonemes",
    "vocab": "vocabulary voc dictionary dict alphabet charset",
    "length": "len lens lengths seqlen duration",
    "sequence": "seq sent sentence text ctx context",
    "image": "img im imgs images frame crop volume vol",
    "kernel": "kernels ks ksize",
    "filter": "filters",
    "stride": "strides",
    "norm": "normalization normalisation normalizer norms",
    "activation": "act activations nonlinearity nonlin activ",
    "dropout": "drop dropouts dropblock droppath",
    "groups": "group",
    "ratio": "ratios rate rates factor factors mult multiplier mults multipliers multiple expansion expand",
    "feedforward": "ff ffn mlp intermediate pff",
    "latent": "latents z",
    "edge": "edges bond",
    "node": "nodes vertices joints points atoms keypoints sensors stations agents particles landmarks",
    "relation": "relations rel rels",
    "timestep": "timesteps",
    "step": "steps",
    "patch": "patches",
    "index": "idx id indices idxs ids",
    "config": "cfg conf configuration options opt opts args params hparams hyperparams settings hps",
    "function": "fn func cls_ type layer_",
    "prediction": "pred forecast future",
    "target": "targets tgt",
    "state": "obs observation states",
    "spatial": "ndim",
}  # fmt: skip
_SPELLING = {other: word for word, others in _SPELLINGS.items() for other in others.split()}

# Role -> endings of names, in words of one spelling, separated by commas.
_ENDINGS: dict[Role, str] = {
    "pretrained": "pretrained, pretrain, download, from pretrained, load weights, imagenet",
    "weights": "backbone weights, encoder weights, pretrained weights, imagenet weights, init weights, weights backbone, "
    "checkpoint, checkpoint path, ckpt, pretrained path, weights path",
    "on": "bias, affine, track running stats, batch first",
    "flag": "causal, bidirectional, inplace, residual, deterministic, verbose, debug, first, only, last, freeze, frozen, "
    "trainable, sparse, symmetric, conditional, normalize, normalized, gated, cached, bilinear, classification, cuda",
    "seed": "seed",
    "device": "device",
    "dtype": "dtype, precision",
    "path": "path, file, dir, folder, filename",
    "spatial_rank": "spatial size, spatial, spatial #",
    "kv_heads": "kv head, key value head, query groups, gqa head",
    "head_width": "head size, head channel, head feature, per head, size per head, key size, value size, query size, qk size, "
    "kv size, k size, v size, q size, attention key channel, kq size",
    "heads": "head, attention head, nheads",
    "input_shape": "in shape, shape, image shape, data shape, state shape",
    "patches": "# patch, patch #",
    "patch": "patch size, patch, patch height, patch length, patch h, patch w, patch res, tubelet size",
    "window": "window size, window, win size, win, window length",
    "image": "image size, image, image height, image h, image w, image resolution, resolution, res, image res, spatial shape, "
    "in resolution, height, in height, in h, in w, image depth, # image, image side, sample size, grid size, roi size, "
    "map size, imsize, imgsz, hw, feature size h, image dim",
    "relations": "relation, # relation, edge type, # edge type, # edge function",
    "edge": "edge size, edge feature, edge channel, edge in, edge in size, edge feature size, edge in channel, size edge, edge embed size",
    "nodes": "# node, node, max node, node #",
    "cardinalities": "cardinalities, field size, cat size, categorical size, cat cardinalities, cat cardinality, embed sizes, "
    "vocab sizes, class sizes, cardinality list, categorical cardinalities, cat embed size, field sizes, field cardinalities",
    "index": "index, token index, pad token, mask token, bos token, eos token, sos token, unk token, pad index, "
    "padding index, ignore index, blank",
    "codebook": "codebook size, # code, code #, # cluster, # prototype, # component, # mixture, # mixtures, "
    "# gaussians, # clusters, # prototypes, # components, # codes, # codewords, # centroids",
    "classes": "class, # class, class #, # out, # target, # task, # tasks, target size, tagset size, class size, # cat",
    "vocabulary": "vocab size, vocab, vocab length, # token, token #, # embed, token size, # vocab, # event, # buckets, "
    "token count, vocab #, in vocab, out vocab, src vocab, target vocab, entity #, # entity, # ent",
    "time_steps": "timestep, # timestep, diffusion step, noise step, # diffusion step, # noise step, train timestep, timestep #",
    "horizon": "prediction length, prediction sequence length, prediction window, prediction step, horizon, out length, "
    "out sequence length, target length, class length, out step, prediction horizon, ahead, step ahead, out window",
    "length": "length, sequence length, max length, max sequence length, sequence, sequence size, max sequence, block size, "
    "max position, max position embed, # position, position size, lookback, history, lag, lags, # lag, sequence window, max token, "
    "max frames, # frames, frames, # sample, time step, in step, window in, # positions, positions, time length, max positions, "
    "time size, max sequence size, history size, # time",
    "stride": "stride, stride size, upsample kernel size, up kernel size, upsample kernel, downsample ratio, upsample ratio, downsample, upsample, hop size, hop length, pool size, pool stride, upscale, "
    "scale ratio, upsampling ratio, downsampling ratio, up ratio, down ratio, upsample scale",
    "kernel": "kernel size, kernel, filter size, kernel length, field, receptive field, filter length, kernel width, conv size",
    "padding": "padding, pad",
    "dilation": "dilation, dilations, dilation ratio, dilation base, atrous ratio, dilation growth, dilation cycle",
    "norm_groups": "norm groups, norm # groups, gn groups, groupnorm groups, resnet groups",
    "groups": "groups, # groups, cardinality",
    "dropout": "dropout, dropout ratio, dropout prob, dropout p, dropout path, dropout path ratio, dropout out, keep prob, mask ratio, mask prob, "
    "dropout probability, stochastic depth prob, prob, dpr, dropout prob down, dropout prob up, dropout path prob, dropout value",
    "epsilon": "eps, epsilon",
    "momentum": "momentum, decay, bn mom",
    "temperature": "temperature, temp, tau, softmax scale, logit scale, margin, smoothing",
    "feedforward": "feedforward size, feedforward, feedforward hidden size, feedforward channel, feedforward hidden, fc size, inner size, "
    "feedforward inner, d inner, inner, feedforward embed size, feedforward feature, hidden feedforward size",
    "latent": "latent size, latent, latent channel, code size, bottleneck size, style size, noise size, noise, nz, # latent, "
    "latent feature, out latent size",
    "experts": "experts, expert, # expert",
    "top_k": "top k, topk, k nearest, # neighbors, neighbors, # neighbours, # selected, # select, nearest neighbors, knn, knn k",
    "channels_in": "in channel, image channel, # channel, in # channel, # in channel, channel in, color, colors, channel image, "
    "in c, c in, bands, # bands, in nc, # colors, # mels, # mel, mels, # mfcc, enc in, dec in, # leads, eeg channel, audio channel, "
    "signal channel, in channel #, channel #, data channel, # vars, # modalities, # electrodes, in band, # variates",
    "channels_out": "out channel, channel out, out c, c out, out nc, out # channel, # out channel, out filter",
    "features_out": "out size, out feature, out, # out feature, out feature size, action size, action, # action, # actions, act size, "
    "# quantiles, out f, out #, size out, y size, o size, out embed size, fan out, # responses, out node, out feature #",
    "features_in": "in size, in feature, feature, # feature, in, # in, feature size, in feature size, state size, node feature, node feature size, "
    "node size, x size, in f, node in size, # cont feature, numeric feature, # numeric, # numerical feature, # cont, cont feature, "
    "# continuous, continuous feature, dense feature, # columns, # variables, # covariates, # predictors, # genes, genes, raw size, "
    "tabular size, coord size, coords size, fan in, in node size, state, in node, atom feature size, i size, # state, size in, "
    "# feature in, feature in, point size, # dense feature, node in feature, node in, # feature #, in feature #",
    "activation": "activation, activation function, activation layer, activation name",
    "norm": "norm, norm layer, norm function, norm name, norm mode, bn, norm class, norm style",
    "pool": "pool, pooling, pooling function, pool function, readout, aggr, aggregation, aggregator, aggregate, reduce, reduction, "
    "pooling mode, pool mode",
    "depth": "depth, depths, layer, # layer, block, # block, level, # level, res block, # conv, # convs, convs, # cell, # cells, # iter, "
    "# iters, iterations, iters, # stacks, # hops, hops, # flows, flows, # repeat, repeats, repeat, # rounds, # couplings, refinements, "
    "# encoder, # decoder, # modules, step, # step, # downs, # ups, downs, # down, # up, stack, # recurrences, # hidden layer, layer #, "
    "block #, resblocks, # resblocks, recycles, # recycle, blocks down, blocks up",
    "ratio": "ratio, scale, size ratio, reduction ratio, compression, growth, omega, w0",
    "mode": "mode, type, method, kind, variant, style, strategy, name, arch, architecture, version, flavor, backend, scheme, cell, rnn, "
    "form, implementation, layout, model type, task, objective, function",
    "coefficient": "weight, coef, coeff, coefficient, lambda, beta, gamma, alpha, sigma, std, var, gain, bound, lr, learning ratio, threshold, "
    "slope, commitment cost, commitment weight, penalty, mean, init value, init values, max value, min value, min, max",
    "samples": "batch size, # samples, samples, bs",
    "module": "encoder, decoder, backbone, net, network, module, model, trunk, extractor, generator, discriminator, stem, neck, "
    "embedder, denoiser, predictor, transformer, attn, unet, teacher, student, vae, quantizer, conv, classifier, projector, denoise function, "
    "attention, embed layer",
    "config": "config",
    "pyramid": "channel list, block out channel, filter list, layer sizes, hidden sizes, hidden layer, units list, block channel, "
    "channel per level, hidden layer sizes, block inplanes, feedforward channel",
    "width": "size, channel, hidden, embed, model, filter, memory, cond, rank, growth ratio, base, nf, ngf, ndf, ngf, nef, "
    "# filter, # basis, # freqs, # frequencies, # rbf, # radial, # bins, # queries, # slots, # registers, proj, projection, inner channel, "
    "init filter, init feature, # init feature, base feature, start filter, # start filter, channel initial, hidden channel initial, "
    "# channel initial, memory size, # kernel, # maps, # filter base",
    "count": "#, count",
}
_ROLE_OF_ENDING: dict[tuple[str, ...], Role] = {
    tuple(ending.split()): role for role, endings in _ENDINGS.items() for ending in endings.split(",")
}

# Whole names, too short or too particular for an ending.
_WHOLE: dict[str, Role] = {
    "weights": "weights", "head": "module", "h": "heads", "k": "kernel", "s": "stride", "p": "dropout", "t": "length", "l": "depth",
    "r": "ratio", "g": "groups", "c": "channels_in", "nc": "classes", "z": "latent", "dims": "pyramid", "widths": "pyramid",
    "filters": "pyramid", "channels": "width", "hidden_dims": "pyramid", "hidden_sizes": "pyramid", "hidden_units": "pyramid",
    "features": "features_in", "layer": "module", "block": "module", "layers": "depth", "blocks": "depth", "ndim": "spatial_rank",
    "ndims": "spatial_rank", "n_dims": "spatial_rank", "num_dims": "spatial_rank", "dimension": "spatial_rank", "n_dim": "spatial_rank",
    "dimensions": "spatial_rank", "conv_dim": "spatial_rank", "input_size": "features_in", "size": "width", "x": "features_in",
    "y": "features_out", "embedding": "module", "embeddings": "module", "mlp": "module", "feedforward": "module", "ff": "module",
    "ffn": "module", "norm": "norm", "q": "width", "v": "vocabulary", "f": "width", "cin": "channels_in", "cout": "channels_out",
    "inc": "channels_in", "outc": "channels_out", "nin": "features_in", "nout": "features_out", "input": "features_in",
    "output": "features_out", "inplanes": "channels_in", "planes": "width", "n": "count", "dp": "dropout", "d_inner": "feedforward",
    "levels": "pyramid", "layer_sizes": "pyramid", "codebook_dim": "latent", "d_block": "width", "n_embd": "width", "nembd": "width",
    "max_action": "coefficient", "n_embed": "codebook", "blocks_down": "depth", "blocks_up": "depth", "opt": "config", "conditioning": "module", "shape": "input_shape", "normalized_shape": "width",
}  # fmt: skip

_FLAG_WORDS = frozenset(
    [
        "use",
        "using",
        "with",
        "is",
        "has",
        "do",
        "enable",
        "add",
        "return",
        "apply",
        "share",
        "shared",
        "tie",
        "tied",
        "learn",
        "learnable",
        "learned",
        "train",
        "freeze",
        "normalize",
        "include",
        "concat",
        "plot",
        "save",
        "log",
        "print",
        "force",
        "keep",
        "skip",
        "only",
        "no",
        "output_attentions",
    ]
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NUMBERED = re.compile(r"_?\d+$")


def normal_name(name: str) -> str:
    """``nClasses``, ``_hidden_dim2``: lower case, words with underscores, without the number at the end."""
    words = _CAMEL.sub("_", name).lower().strip("_")
    return _NUMBERED.sub("", words) or words


@functools.lru_cache(maxsize=4096)
def role_of(name: str) -> Role | None:
    """What an argument of this name is used as; None where the name says nothing."""
    plain = normal_name(name)
    if plain in _WHOLE:
        return _WHOLE[plain]
    words = [word for part in plain.split("_") for word in _split(part)]
    if words[0] in _FLAG_WORDS and len(words) > 1 and words[-1] not in {"size", "channel", "feature", "length"}:
        return "flag"
    words = _turned(words)
    for start in range(len(words)):
        role = _ROLE_OF_ENDING.get(tuple(words[start:]))
        if role is not None:
            return role
    return None


def _split(word: str) -> list[str]:
    """A part of a name as words of one spelling, fused ones (``nhead``, ``inchannels``, ``patchsize``) taken apart."""
    known = _SPELLING.get(word, word)
    if known in _SPELLINGS or len(word) < 4:
        return [known]
    for head in ("num", "in", "out", "n", "d", "dim"):
        rest = word.removeprefix(head)
        if rest != word and (rest in _SPELLING or rest in _SPELLINGS) and len(rest) > 2:
            return [_SPELLING.get(head, "size" if head == "d" else head), _SPELLING.get(rest, rest)]
    for tail in ("size", "dim", "len", "channels", "ch"):
        rest = word.removesuffix(tail)
        if rest != word and (rest in _SPELLING or rest in _SPELLINGS) and len(rest) > 1:
            return [_SPELLING.get(rest, rest), _SPELLING.get(tail, tail)]
    return [known]


def _turned(words: list[str]) -> list[str]:
    """The same words with what kind of number it is at the end: ``dim_head`` as ``head dim``, ``layers_num`` as ``num layers``."""
    if len(words) > 1 and words[-1] == "#":
        words = ["#", *words[:-1]]
    if len(words) > 1 and words[0] in {"size", "d"} and words[-1] != "ratio":
        words = [*words[1:], "size"]
    if len(words) == 2 and words[0] in {"channel", "feature"} and words[1] in {"in", "out"}:
        words = [words[1], words[0]]
    return words
