"""Metrics on tensors, torch alone: functions of (outputs, targets) to a 0-d tensor, and their epoch collector."""

from __future__ import annotations

from .classification import (
    accuracy,
    binary_accuracy,
    binary_f1,
    binary_precision,
    binary_recall,
    macro_f1,
    macro_precision,
    macro_recall,
    multilabel_macro_f1,
    perplexity,
    roc_auc,
    top_k_accuracy,
)
from .epoch_scores import EpochScores
from .intervals import interval_coverage, interval_width, median_error
from .overlap import binary_dice, binary_iou, mean_dice, mean_iou
from .pairing import retrieval_recall
from .ranking import kendall_tau, ndcg_at_k
from .regression import mae, mse, r2, rmse
from .survival import concordance

__all__ = [
    "EpochScores",
    "accuracy",
    "binary_accuracy",
    "binary_dice",
    "binary_f1",
    "binary_iou",
    "binary_precision",
    "binary_recall",
    "concordance",
    "interval_coverage",
    "interval_width",
    "kendall_tau",
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "mae",
    "mean_dice",
    "mean_iou",
    "median_error",
    "mse",
    "multilabel_macro_f1",
    "ndcg_at_k",
    "perplexity",
    "r2",
    "retrieval_recall",
    "rmse",
    "roc_auc",
    "top_k_accuracy",
]
