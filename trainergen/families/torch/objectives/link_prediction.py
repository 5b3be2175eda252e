"""Link prediction: which pairs are linked, from a score of each pair or from embeddings of the nodes."""

from __future__ import annotations

import re
from typing import Any

from ....inspection.batch_spec import Leaf
from ..facts import OutputFacts
from ..seen import INTEGRAL, Role, Seen, SeenInput, assumed_leaf, of_samples, said
from . import LossOption, Proposal, multi_class

TASK = "link-prediction"
LOSSES = {
    "bce_with_logits": "the logit of each pair against linked or not",
    "bce": "the probability of each pair against linked or not",
    "bpr": "scores of recommendations: linked pairs above those that are not",
    "dot_product": "embeddings: linked nodes have the larger dot product",
}
METRICS = ()
EPOCH_METRICS = ("auc",)
DEFAULT_METRICS = ()
METRIC_FUNCTIONS = {"auc": "roc_auc"}
LOSSES_ON_PROBABILITIES = ("bce",)


def _bpr(functional: Any, *, prediction: Any, target: Any) -> Any:
    """Rendle et al. 2009: the mean over every linked and every other pair of -ln sigmoid(score - other score)."""
    linked, others = prediction[target > 0], prediction[target <= 0]
    terms = -functional.logsigmoid((linked[:, None] - others[None]).flatten())
    return terms.mean() if len(terms) else (prediction * 0).sum()


def _dot_product(functional: Any, *, prediction: Any, edges: Any, non_edges: Any) -> Any:
    """Kipf and Welling 2016: the decoder of inner products, edges and other pairs half each."""

    def logits(pairs: Any) -> Any:
        return (prediction[pairs[0]][:, None] @ prediction[pairs[1]][:, :, None]).flatten()

    return -(functional.logsigmoid(logits(edges)).mean() + functional.logsigmoid(-logits(non_edges)).mean()) / 2


REFERENCES = {
    "bce_with_logits": lambda functional, prediction, target: functional.binary_cross_entropy_with_logits(
        prediction, target
    ),
    "bce": lambda functional, prediction, target: functional.binary_cross_entropy(prediction, target),
    "bpr": _bpr,
    "dot_product": _dot_product,
}
SAYS_SO = (
    r"link.?predict|edge.?predict|predict\w* (the |of )?(links?|edges?)|\bv?gae\b|graph.?(variational.?)?auto.?encoder"
    r"|knowledge.?graph|\bkge?\b"
)
EMBEDS = r"node.?embedding|embed\w* (the |of )?nodes"
RECOMMENDS = r"recommend(er|ation)|collaborative|\bbpr\b|user.?item|item.?ranking|matrix.?factori[sz]ation"
EDGES = re.compile(r"edge(_label)?_ind(ex|ices)$|^(edges|pairs|links)$")
NEGATIVES = ("neg_edge_index", "negative_edge_index", "neg_edge_label_index", "negatives", "non_edge_index")
TRIPLES = (
    r"\bkge?\b|knowledge.?graph|trans.?e\b|dist.?mult|\brotat.?e\b|link.?predict|skip.?gram|word2vec|negative.?sampl"
)
LABELS = ("edge_label", "edge_labels", "label", "labels", "target", "y")


def propose(seen: Seen) -> Proposal | None:
    """One score an edge, else embeddings of the nodes of a model that is said to find links, else a score a pair of ids."""
    edges = next((each for each in seen.inputs if _are_edges(each)), None)
    output = seen.main
    if output is None:
        return None
    if edges is None:
        return _of_ids(seen, output)
    return _scores(seen, output, edges) or _embeddings(seen, output, edges)


def _are_edges(part: SeenInput) -> bool:
    """Pairs of nodes as columns [2, E]: by the argument's name, or as the search named the dimension."""
    sizes = part.leaf.sizes
    named = EDGES.search(part.name.lower()) is not None or "edges" in part.leaf.dims
    return named and part.leaf.dtype in INTEGRAL and len(sizes) == 2 and sizes[0] == 2


def _scores(seen: Seen, output: OutputFacts, edges: SeenInput) -> Proposal | None:
    """[E] or [E, 1] where the graph has E edges, and no number of nodes that is the same."""
    count = edges.leaf.sizes[1]
    words, recommends = seen.says(SAYS_SO), seen.says(RECOMMENDS, code=True)
    if output.sizes[0] != count or (_nodes(seen, edges) == count and words is None and recommends is None):
        return None
    leaf = Leaf("int64", (output.dims[0],), (count,), 0, 2, "assumed")
    target = seen.want("target", leaf, key="edge_label", also=LABELS, low=0, high=2)
    why = f"{recommends}: what was chosen above what was not" if recommends is not None else ""
    evidence = "".join(f", {each}" for each in (words, recommends) if each)
    return _of_pairs(seen, output, target, 92 if evidence else 80, f"one score an edge of {edges.name}{evidence}", why)


def _of_ids(seen: Seen, output: OutputFacts) -> Proposal | None:
    """One score a sample of two ids or more: a pair of words, or head, relation and tail, of a model that is said so."""
    words = seen.says(TRIPLES)
    ids = [each for each in seen.inputs if each.leaf.dtype in INTEGRAL and each.leaf.sizes[:1] == output.sizes[:1]]
    if words is None or len(ids) < 2 or len(ids) != len(seen.inputs):
        return None
    target = seen.want("target", of_samples(seen, "int64", low=0, high=2), key="label", also=LABELS, low=0, high=2)
    return _of_pairs(seen, output, target, 92, f"one score a pair of ids, {words}", "")


def _of_pairs(
    seen: Seen, output: OutputFacts, target: Role | None, score: int, reason: str, recommended: str
) -> Proposal | None:
    """A score a pair against linked or not; `recommended` says why the order of scores is what counts."""
    column = len(output.sizes) == 2 and output.sizes[1] == 1
    if target is None or not (column or len(output.sizes) == 1):
        return None
    cast = target.prepare if "float" in target.prepare else (*target.prepare, "float")
    names, why = ("bce_with_logits", "bpr", "bce"), LOSSES["bce_with_logits"]
    if seen.activation == "Sigmoid":
        names, why = ("bce", "bce_with_logits", "bpr"), "the model ends in a sigmoid: no second one"
    elif recommended:
        names, why = ("bpr", "bce_with_logits", "bce"), recommended
    return Proposal(
        score=score,
        reason=f"{said(output)}: {reason}",
        losses=tuple(
            LossOption(name, why if name == names[0] else LOSSES[name], ("squeeze:1",) if column else (), cast)
            for name in names
        ),
        metrics=EPOCH_METRICS,
        assumed=True,
        low=0,
        high=2,
        roles=(seen.output("prediction", output), target),
    )


def _embeddings(seen: Seen, output: OutputFacts, edges: SeenInput) -> Proposal | None:
    """[N, D]: the edges that the model is given are the linked pairs; others are for the loader to draw."""
    surely = seen.says(SAYS_SO)
    words = surely or seen.says(EMBEDS)
    nodes = _nodes(seen, edges)
    if output.sizes[1:] and seen.argument(multi_class.CLASS_ARGUMENTS, output.sizes[1]):
        return None
    if words is None or nodes is None or len(output.sizes) != 2 or output.sizes[0] != nodes or output.sizes[1] < 2:
        return None
    leaf = assumed_leaf("int64", edges.leaf, low=0, high=nodes)
    others = seen.want("non_edges", leaf, key="neg_edge_index", also=NEGATIVES)
    if others is None:
        return None
    return Proposal(
        score=88 if surely else 74,
        reason=f"{said(output)} is an embedding a node, {words}: linked nodes by their dot product",
        losses=(LossOption("dot_product", LOSSES["dot_product"]),),
        assumed=True,
        roles=(seen.output("prediction", output), seen.input("edges", edges), others),
    )


def _nodes(seen: Seen, edges: SeenInput) -> int | None:
    """Rows of the features that go in beside the edges, else the bound of the edges' numbers."""
    rows: list[int] = [each.leaf.sizes[0] for each in seen.inputs if len(each.leaf.sizes) == 2 and each != edges]
    if rows:
        return rows[0]
    return int(edges.leaf.high) if edges.leaf.high is not None and edges.leaf.dtype in INTEGRAL else None
