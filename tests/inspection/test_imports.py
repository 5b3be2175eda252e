"""What a project's files are going to import from the environment, in order, through the project's own modules."""

from __future__ import annotations

from pathlib import Path

from tests.building import write_tree
from trainergen.inspection.imports import environment_imports


def test_what_the_environment_gives_is_found_through_the_projects_own_modules(tmp_path: Path) -> None:
    root = write_tree(
        tmp_path,
        {
            "model.py": "import torch\nfrom layers.blocks import Block\nfrom . import beside\nif torch:\n    import late\n",
            "layers/__init__.py": "",
            "layers/blocks.py": "import numpy as np\nimport model\nfrom torch_geometric.nn import GCNConv\n",
            "src/own/__init__.py": "import scipy.sparse, numpy\n",
            "broken.py": "def (:\n",
        },
    )
    assert environment_imports(root, ("model", "own", "broken")) == (
        "torch",
        "scipy.sparse",
        "numpy",
        "torch_geometric.nn",
    )


def test_a_model_of_the_environment_is_imported_from_there(tmp_path: Path) -> None:
    assert environment_imports(tmp_path, ("torch_geometric.nn.models",)) == ("torch_geometric.nn.models",)
