"""The stated rule by which packages for registry.jsonl are drawn: prints the names in the order they are to be tried.

    python benchmarks/unseen/draw.py PYPI.tsv ZOO.jsonl [--count 40]

PYPI.tsv: name, version, month, rank, summary of each package, tab-separated, as listed by the workplace on one day.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from pathlib import Path

NAME = re.compile(r"^(pytorch|torch)-|-(pytorch|torch)$")
IMPLEMENTS = re.compile(
    r"\bimplementation\b.*\b(in|using|for)\s+(py)?torch\b|\b(py)?torch\b.*\bimplementation\b|-\s*(py)?torch\.?$", re.I
)
ARCHITECTURE = re.compile(
    r"net\b|networks?\b|former|attention\b|vae\b|auto-?encoders?\b|models?\b|rnn\b|lstm\b|mixer\b|mlp\b|gpt\b|bert\b"
    r"|vit\b|u-?net|glow\b|diffusion\b",
    re.I,
)
NO_MODEL = re.compile(
    r"optimi[sz]|loss\b|losses\b|metric|schedul|summary|pruning|sparse|quanti[sz]|reinforcement|likelihood|library"
    r"|einsum|rocm|inference",
    re.I,
)


def drawn(listing: Path, zoo: Path) -> list[tuple[str, str, str]]:
    """(name, version, summary) of the packages that the rule admits, in order of the sha256 of the name."""
    known = {plain(json.loads(line)["package"]) for line in zoo.read_text(encoding="utf-8").splitlines()}
    admitted = []
    for line in listing.read_text(encoding="utf-8").splitlines()[1:]:
        name, version, _, _, summary = (line.split("\t") + [""] * 5)[:5]
        if not NAME.search(name) or not IMPLEMENTS.search(summary) or plain(name) in known:
            continue
        if ARCHITECTURE.search(summary) and not NO_MODEL.search(summary):
            admitted.append((name, version, summary))
    return sorted(admitted, key=lambda found: hashlib.sha256(found[0].encode()).hexdigest())


def plain(name: str) -> str:
    """A distribution's name in its normal form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("listing", type=Path)
    parser.add_argument("zoo", type=Path)
    parser.add_argument("--count", type=int, default=40)
    options = parser.parse_args()
    for name, version, summary in drawn(options.listing, options.zoo)[: options.count]:
        print(f"{name}=={version}\t{summary}")
