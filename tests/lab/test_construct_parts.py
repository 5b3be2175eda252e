"""What the search for a constructor call stands on: names to roles, source to uses, frames to blame, conditions to values."""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import TYPE_CHECKING, Any, Literal, Optional, Union

import pytest
from torch import nn

from tests.building import write_tree
from tests.lab.research_code import HEAD
from trainergen.lab.construct.annotations import hints_of, wanted
from trainergen.lab.construct.blame import sites
from trainergen.lab.construct.conditions import demanded, solutions
from trainergen.lab.construct.reads import read_prefixes, read_uses
from trainergen.lab.construct.roles import role_of
from trainergen.lab.construct.sizes import Sizes
from trainergen.lab.construct.values import plain, target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.mark.parametrize(
    ("role", "names"),
    [
        ("heads", "heads n_heads num_heads nhead num_attention_heads attn_n_heads decoder_num_heads"),
        ("head_width", "dim_head head_dim d_k d_head dim_per_head"),
        ("width", "dim d_model hidden hidden_size hidden_dim n_hid nhid embed_dim emb_size n_embd ngf width channels"),
        ("feedforward", "mlp_dim d_ff dim_feedforward ffn_dim intermediate_size"),
        ("depth", "depth num_layers n_layer e_layers num_blocks n_res_blocks nlayers"),
        ("classes", "num_classes n_classes nclass n_class num_labels nc n_outputs numClasses classes"),
        ("vocabulary", "vocab_size n_vocab num_tokens vocab ntoken num_embeddings n_items num_users"),
        ("channels_in", "in_channels in_chans in_ch input_channels n_channels c_in input_nc img_channels inplanes"),
        ("channels_out", "out_channels out_ch output_nc c_out"),
        ("features_in", "in_features input_dim d_in in_dim n_features in_feats feat_dim input_size obs_dim node_dim"),
        ("features_out", "out_features output_dim d_out out_dim action_dim"),
        ("image", "image_size img_size resolution image_height input_resolution input_image_size"),
        ("patch", "patch_size patch patchsize"),
        ("length", "seq_len max_seq_len max_len block_size context_length n_ctx max_position_embeddings"),
        ("horizon", "pred_len horizon prediction_length label_len"),
        ("kernel", "kernel_size conv_kernel_size ks kernel kernel_sizes"),
        ("stride", "stride strides upsample_kernel_size"),
        ("dropout", "dropout drop_rate attn_drop_rate dropout_prob p drop_path_rate"),
        ("latent", "latent_dim z_dim latent_size nz"),
        ("spatial_rank", "spatial_dims ndim n_dims"),
        ("edge", "edge_dim edge_features"),
        ("pretrained", "pretrained use_pretrained"),
        ("flag", "use_bn causal with_bias bidirectional"),
        ("activation", "activation act act_layer hidden_act nonlinearity"),
        ("norm", "norm_layer norm"),
        ("config", "config cfg args opt hparams"),
        ("module", "encoder decoder backbone net"),
        (None, "theta a foo"),
    ],
)
def test_a_name_says_what_the_argument_is(role: str | None, names: str) -> None:
    wrong = {name: role_of(name) for name in names.split() if role_of(name) != role}
    assert wrong == ({"use_pretrained": "flag"} if role == "pretrained" else {})


def test_sizes_that_mean_different_things_differ_and_inner_ones_divide() -> None:
    sizes = Sizes()
    told_apart = ["channels_in", "classes", "features_in", "vocabulary", "length", "width", "nodes", "latent", "edge"]
    numbers = [sizes.number(role) for role in told_apart]  # type: ignore[arg-type]
    assert len(set(numbers)) == len(numbers)
    assert sizes.number("width") == sizes.number("heads") * sizes.number("head_width")
    assert sizes.number("image") % sizes.number("patch") == 0
    assert len(sizes.items("pyramid", 6)) == 6
    assert sizes.items("image") == [32, 32]


@pytest.mark.parametrize(
    ("hint", "kinds"),
    [
        (int, ["int"]),
        (Optional[int], ["int"]),  # noqa: UP045 - as older code writes it
        (Union[int, "list[int]", None], ["int", "sequence"]),
        ("int | None", ["int"]),
        ("Optional[List[int]]", ["sequence"]),
        (Literal["a", "b"], ["choice"]),
        (tuple[int, int], ["tuple"]),
        (type[nn.Module], ["class"]),
        (nn.Module, ["module"]),
        ("nn.Module", ["module"]),
        (dict[str, int], ["mapping"]),
        ("Whatever", ["any"]),
        (Any, ["any"]),
    ],
)
def test_an_annotation_says_what_is_wanted(hint: Any, kinds: list[str]) -> None:
    assert [each.kind for each in wanted(hint).alternatives()] == kinds


def test_a_hint_that_cannot_be_evaluated_hides_no_other() -> None:
    def function(a: int, b: Missing, c: list[int]) -> None:  # type: ignore[name-defined]  # noqa: F821
        pass

    hints = hints_of(function)
    assert [wanted(hints[name]).kind for name in "abc"] == ["int", "any", "sequence"]


@pytest.fixture
def net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    monkeypatch.syspath_prepend(str(tmp_path))

    def make(source: str) -> Any:
        write_tree(tmp_path, {"net.py": HEAD + inspect.cleandoc(source)})
        importlib.invalidate_caches()
        return importlib.import_module("net")

    yield make
    sys.modules.pop("net", None)


def test_uses_are_read_through_aliases_bases_and_the_classes_below(net: Callable[[str], Any]) -> None:
    module = net("""
        KINDS = {"x": 1, "y": 2}

        class Sub(nn.Module):
            def __init__(self, width, cfg):
                super().__init__()
                self.f = nn.Linear(width, cfg.inner.size)

        class Base(nn.Module):
            def __init__(self, shape):
                super().__init__()
                a, b, c = shape

        class Net(Base):
            def __init__(self, q, cfg, shape, kind, fn, opts, extra=None):
                super().__init__(shape)
                w = q
                self.cfg = cfg
                self.sub = Sub(w, self.cfg)
                self.k = KINDS[kind]
                self.fn = fn
                self.n = opts["n"] + opts.get("m", 3)
            def forward(self, x):
                return self.fn(x) * self.cfg.scale
        """)
    uses = read_uses(module.Net)
    assert uses[("q",)].role() == "features_in"
    assert list(uses[("cfg",)].attributes) == ["inner", "scale"]
    assert list(uses[("cfg", "inner")].attributes) == ["size"]
    assert uses[("cfg", "inner", "size")].role() == "features_out"
    assert uses[("shape",)].count == 3
    assert uses[("kind",)].choices == ["x", "y"]
    assert uses[("fn",)].kinds == ["module"]
    assert uses[("opts",)].keys["m"] == 3
    assert set(uses[("opts",)].keys) == {"n", "m"}


def test_prefixes_of_keywords_are_read(net: Callable[[str], Any]) -> None:
    module = net("""
        def part(prefix, kwargs):
            return {k[len(prefix):]: v for k, v in kwargs.items() if k.startswith(prefix)}

        class Net(nn.Module):
            def __init__(self, **kwargs):
                super().__init__()
                self.a = nn.Linear(**part("left_", kwargs))
        """)
    assert read_prefixes(module.Net) == ["left_"]


BLAME = """
class Inner(nn.Module):
    def __init__(self, size, parts):
        super().__init__()
        each = size // parts
        if each * parts != size:
            raise ValueError("does not divide")

class Net(nn.Module):
    def __init__(self, cfg, n):
        super().__init__()
        width = cfg.width
        self.inner = Inner(size=width, parts=n)
"""


def test_blame_follows_an_argument_into_the_frame_that_raised(net: Callable[[str], Any]) -> None:
    from types import SimpleNamespace

    module = net(BLAME)
    with pytest.raises(ValueError, match="does not divide") as caught:
        module.Net(SimpleNamespace(width=10), 4)
    code = module.Net.__init__.__code__
    trail = sites(caught.value.__traceback__, code, {"cfg": ("cfg",), "n": ("n",)})
    assert [each.frame.f_code.co_qualname for each in trail] == ["Net.__init__", "Inner.__init__"]
    last = trail[-1]
    test = demanded(last)
    assert test is not None
    assert last.blamed(test[0]) == [("cfg", "width"), ("n",)]
    assert dict(solutions(last, *test)) != {}


def test_a_condition_is_solved_nearest_to_what_it_was(net: Callable[[str], Any]) -> None:
    module = net("""
        class Net(nn.Module):
            def __init__(self, dim, heads, mode):
                super().__init__()
                assert dim % heads == 0 and mode in ("p", "q")
        """)
    with pytest.raises(AssertionError) as caught:
        module.Net(32, 5, "z")
    names = {name: (name,) for name in ("dim", "heads", "mode")}
    (site,) = sites(caught.value.__traceback__, module.Net.__init__.__code__, names)
    test = demanded(site)
    assert test is not None
    solved = dict(solutions(site, *test))
    assert solved[("heads",)] == 4
    assert solved[("dim",)] % 5 == 0
    assert solved[("mode",)] == "p"


def test_objects_are_spelled_by_the_shortest_name() -> None:
    assert target_of(nn.ReLU) == "torch.nn:ReLU"
    assert plain((1, [nn.GELU])) == {"$tuple": [1, [{"$ref": "torch.nn:GELU"}]]}
    assert target_of(lambda: None) is None
    with pytest.raises(TypeError, match="can't be spelled"):
        plain(object())
