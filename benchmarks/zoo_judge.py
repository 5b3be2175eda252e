"""What an answer of ``trainergen new --json`` is worth against a row: proven, the batch as known, the objective right."""

from __future__ import annotations

from typing import Any

from zoo_rows import Row

SAME_FAMILY = {
    "autoencoder": "reconstruction",
    "clip": "contrastive",
    "infonce": "contrastive",
    "triplet": "contrastive",
    "metric-learning": "embedding",
    "cox": "survival",
    "gaussian-nll": "heteroscedastic",
    "heteroscedastic-regression": "heteroscedastic",
    "quantile-regression": "quantile",
    "image-regression": "dense-regression",
    "pixel-regression": "dense-regression",
    "scalar-regression": "regression",
    "vector-regression": "regression",
    "causal-language-modelling": "language-modelling",
    "masked-language-modelling": "masked-modelling",
    "noise-prediction": "diffusion",
    "object-detection": "detection",
    "semantic-segmentation": "segmentation",
    "returns-loss": "own-loss",
}
"""Other words for the families that the rows name. Words only: a different loss is a different family."""

PER_ELEMENT = {
    ("multi-class", 2): "token-classification",
    ("multi-class", 3): "segmentation",
    ("binary", 3): "segmentation",
}
"""(task, rank of its target; 3 stands for more too): the same loss, by position or by pixel, has another name."""

SETTLED = ("given", "measured")
"""Sources of a leaf that is not marked assumed."""


def kind(dtype: str) -> str:
    """float, integer, bool, complex or text: as far as a model cares."""
    if dtype in ("bool", "str", "object"):
        return {"str": "text"}.get(dtype, dtype)
    if dtype.startswith("complex"):
        return "complex"
    return "float" if "float" in dtype else "integer"


Known = dict[tuple[str | int, ...], dict[str, Any]]
"""Leaves by their path: kind, rank, and for a found one whether it is marked assumed."""


def wanted(row: Row) -> Known:
    """The leaves of the row's inputs. A constant or a graph object is no leaf: nothing is compared there."""
    found: Known = {}

    def walk(path: tuple[str | int, ...], spec: Any) -> None:
        if isinstance(spec, list):
            for index, item in enumerate(spec):
                walk((*path, index), item)
        elif isinstance(spec, dict) and "dtype" in spec:
            ranks = spec.get("ranks", [len(spec["shape"])])
            found[path] = {"kinds": spec.get("kinds", [kind(spec["dtype"])]), "ranks": ranks}
        elif isinstance(spec, dict) and not set(spec) & {"const", "$pyg"}:
            for key, item in spec.items():
                walk((*path, key), item)

    for name, spec in row.data["inputs"].items():
        walk(() if name == "*" else (name,), spec)
    return found


def found_leaves(batch: dict[str, Any] | None) -> Known:
    """The leaves of a batch in an answer, by path; a bare tensor has the path ()."""
    found: Known = {}

    def walk(path: tuple[str | int, ...], node: dict[str, Any]) -> None:
        if "dtype" in node:
            rank, marked = len(node["dims"]), node["source"] not in SETTLED
            found[path] = {"kind": kind(node["dtype"]), "rank": rank, "assumed": marked}
        else:
            for key, child in node["entries"]:
                walk((*path, key), child)

    if batch is not None:
        walk((), batch["root"])
    return found


def compare(row: Row, batch: dict[str, Any] | None) -> dict[str, Any]:
    """The batch of an answer against the row's inputs.

    Returns:
        ``differs``: inputs of another rank or kind, as text; ``confident``: those of them that are not marked assumed;
        ``missing``: inputs that the answer lacks (it ran without: they have defaults); ``compared``: how many were
        compared; ``more``: leaves beyond the row's (targets, optional inputs).
    """
    known, found = wanted(row), found_leaves(batch)
    matched = _matched(known, found, len(row.data["inputs"]))
    differs, confident, missing = [], [], []
    for path, want in known.items():
        got = found.get(matched.get(path, ("",)))
        name = ".".join(str(part) for part in path) or "input"
        if got is None:
            missing.append(name)
        elif got["kind"] not in want["kinds"] or got["rank"] not in want["ranks"]:
            text = f"{name}: {got['kind']} of rank {got['rank']}, known {want['kinds'][0]} of rank {want['ranks'][0]}"
            differs.append(text)
            confident += [] if got["assumed"] else [text]
    more = len(found) - (len(known) - len(missing))
    return {
        "differs": differs,
        "confident": confident,
        "missing": missing,
        "compared": len(known) - len(missing),
        "more": more,
    }


def _matched(known: Known, found: Known, inputs: int) -> dict[tuple[str | int, ...], tuple[str | int, ...]]:
    """Which leaf of the answer feeds which known one: by path, below the only argument, or in order."""
    if any(path in found for path in known):
        return {path: path for path in known}
    below = {path: path[1:] for path in known}
    if inputs == 1 and any(path in found for path in below.values()):
        return below
    return dict(zip(known, found, strict=False))


def family(task: str | None, row: Row, answer: dict[str, Any]) -> str | None:
    """The family, in the rows' words, of the objective that was chosen."""
    if task is None:
        return None
    task = SAME_FAMILY.get(task, task)
    if (answer.get("objective") or {}).get(
        "loss"
    ) == "bpr":  # Bayesian personalised ranking: edges are ranked, not told apart
        return "ranking"
    known = wanted(row)
    others = [leaf for path, leaf in found_leaves(answer.get("batch")).items() if path not in known and path]
    ranks = [leaf["rank"] for leaf in others if leaf["kind"] == "integer" or task == "binary"]
    return PER_ELEMENT.get((task, min(max(ranks, default=1), 3)), task)


def kept(reply: dict[str, Any] | None) -> dict[str, Any]:
    """What a line of the results keeps of an answer: enough to judge it again, when the rows are corrected."""
    answer: dict[str, Any] = (reply or {}).get("result", {})
    error = answer.get("error") or {}
    decisions = [{key: each[key] for key in ("topic", "choice", "assumed")} for each in answer.get("decisions", [])]
    return {
        "proven": bool((answer.get("proof") or {}).get("proven")),
        "error": {key: error.get(key) for key in ("kind", "code", "message", "place", "questions")} if error else None,
        "objective": answer.get("objective"),
        "search": answer.get("search"),
        "batch": answer.get("batch"),
        "decisions": decisions,
    }


def judge(row: Row, code: int | None, answer: dict[str, Any]) -> dict[str, Any]:
    """What one answer is worth, plain data.

    Args:
        row: what was asked for.
        code: the exit code; None where the limit ended it.
        answer: what `kept` kept.
    """
    error = answer["error"] or {}
    search = answer["search"] or {}
    chosen = family((answer["objective"] or {}).get("task"), row, answer)
    right = row.data["objective"]
    proven = code == 0 and answer["proven"]
    return {
        "package": row.data["package"],
        "proven": proven,
        "cause": None if proven else cause(code, error),
        "batch": compare(row, search.get("inputs") or answer["batch"]) if proven else None,
        "family": chosen,
        "family_known": right,
        "family_right": None if right is None or not proven else chosen in right,
        "assumed": sorted({each["topic"] for each in answer["decisions"] if each["assumed"]}),
        "search": {key: search.get(key) for key in ("seconds", "tries", "constructions")},
    }


def cause(code: int | None, error: dict[str, Any]) -> str:
    """A failure in few words, the same for the same kind of failure."""
    if code is None:
        return "over the time limit"
    if not error:
        return f"exit {code}, no error told"
    first = (error.get("questions") or [{}])[0].get("option")
    return " ".join(part for part in (f"exit {code}", error.get("kind"), error.get("code"), first) if part)
