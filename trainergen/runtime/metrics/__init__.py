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
    roc_auc,
    top_k_accuracy,
)
from .epoch_scores import EpochScores
from .ranking import kendall_tau, ndcg_at_k
from .regression import mae, mse, r2, rmse

__all__ = [
    "EpochScores",
    "accuracy",
    "binary_accuracy",
    "binary_f1",
    "binary_precision",
    "binary_recall",
    "kendall_tau",
    "macro_f1",
    "macro_precision",
    "macro_recall",
    "mae",
    "mse",
    "multilabel_macro_f1",
    "ndcg_at_k",
    "r2",
    "rmse",
    "roc_auc",
    "top_k_accuracy",
]
