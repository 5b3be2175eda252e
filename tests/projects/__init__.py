"""Small training projects as dict literals, on data that scikit-learn ships: contract x registry x configuration."""

from __future__ import annotations

from .configs import CONFIGS
from .hooks import components, functions
from .loops import fourth_shape, plain_loop, stepping, third_shape
from .loss_returning import first_shape, second_shape, with_mapping, with_statistics
from .parts import ConfigPart, ContractPart, Member, RegistryPart, compose
from .registries import REGISTRIES

CONTRACTS = {
    each().name: each
    for each in (
        first_shape, second_shape, with_statistics, with_mapping, third_shape, plain_loop, fourth_shape, stepping,
        components, functions,
    )
}  # fmt: skip
"""Variant -> builder."""

__all__ = [
    "CONFIGS",
    "CONTRACTS",
    "REGISTRIES",
    "ConfigPart",
    "ContractPart",
    "Member",
    "RegistryPart",
    "compose",
    "project",
]


def project(contract: str, registry: str = "dict", config: str = "dataclass") -> dict[str, str]:
    """The project with that contract, registry and configuration: path -> text."""
    return compose(CONTRACTS[contract](), REGISTRIES[registry](), CONFIGS[config]())


def possible(contract: str, registry: str) -> bool:
    """Functions have no base class to scan for."""
    return not (contract == "functions" and registry == "subclass-scan")
