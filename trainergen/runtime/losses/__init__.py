"""Losses that torch lacks, each a function of tensors to a 0-d tensor with a graph; the docstrings cite their sources."""

from __future__ import annotations

from .distributions import kl_to_standard_normal, pinball_loss
from .embeddings import (
    cosine_similarities,
    info_nce_loss,
    nt_xent_loss,
    pair_margin_loss,
    supervised_contrastive_loss,
    symmetric_contrastive_loss,
)
from .links import bpr_loss, edge_scores, link_prediction_loss
from .places import masked_mse_loss, matched_box_loss, matched_objects
from .ranking import contributing_rows, listmle_loss, listnet_loss, pairwise_logistic_loss
from .survival import cox_loss, discrete_survival_loss, event_time_loss

__all__ = [
    "bpr_loss",
    "contributing_rows",
    "cosine_similarities",
    "cox_loss",
    "discrete_survival_loss",
    "edge_scores",
    "event_time_loss",
    "info_nce_loss",
    "kl_to_standard_normal",
    "link_prediction_loss",
    "listmle_loss",
    "listnet_loss",
    "masked_mse_loss",
    "matched_box_loss",
    "matched_objects",
    "nt_xent_loss",
    "pair_margin_loss",
    "pairwise_logistic_loss",
    "pinball_loss",
    "supervised_contrastive_loss",
    "symmetric_contrastive_loss",
]
