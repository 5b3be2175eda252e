"""Each gate against one changed passage of a whole, healthy project: what it must see, and what it must let through."""

from __future__ import annotations

import pytest

from tests.gates.house import CONFIG, CONFIG_PATH, PROJECT, TRAINER, TRAINER_PATH, changed
from trainergen.gates.engine import check_files
from trainergen.gates.facts import Facts

HOOK = "        super().on_train_begin()\n"
SUPER = "        super().__init__(model, dataloader, optimizer, config, **run)\n"
RETURN = "        return loss\n"
LOSS = "        loss = functional.cross_entropy(logits, label)\n"
VALIDATE = "        self._validate_batch(batch)\n"
SAVE = "        path = self.save_weights(folder)\n"
LOG = '        logger.info("hidden %d, rate %s", self.config.model_hidden, self.config.learning_rate)\n'
MKDIR = "        folder.mkdir(parents=True, exist_ok=True)\n"
CLASS = "class DigitsNetTrainer(Trainer[tuple[torch.Tensor, torch.Tensor], DigitsNetTrainerConfig]):\n"
SIGNATURE = "    def compute_loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:\n"
SECTION = '    SECTION: ClassVar[str] = "train_digits_net"\n'
IMPORTS = "from train.base_trainer import Trainer, metrics\n"
FIELD = "    model_hidden: int = 64\n"

STOPPED = {
    # TG001
    "no base": ("TG001", CLASS, "class DigitsNetTrainer:\n"),
    "torch's base": ("TG001", CLASS, "class DigitsNetTrainer(torch.nn.Module):\n"),
    "no super call": ("TG001", SUPER, "        self.model = model\n"),
    "super on one path": ("TG001", SUPER, f"        if run:\n    {SUPER}"),
    "self before super": ("TG001", SUPER, f"        self.scale = 2\n{SUPER}"),
    "arguments in each other's place": ("TG001", SUPER, SUPER.replace("model, dataloader", "dataloader, model")),
    "an argument goes nowhere": ("TG001", SUPER, SUPER.replace(", **run", "")),
    "empty super": ("TG001", SUPER, "        super().__init__()\n"),
    "no super in a hook": ("TG001", HOOK, ""),
    "super of another hook": ("TG001", HOOK, "        super().on_train_end()\n"),
    "super after return": ("TG001", HOOK, f"        return\n{HOOK}"),
    # TG002
    "detach": ("TG002", RETURN, "        return loss.detach()\n"),
    "detach by name": ("TG002", RETURN, "        total = loss.detach() * 2\n        return total\n"),
    "item": ("TG002", RETURN, "        return loss.item()\n"),
    "float": ("TG002", RETURN, "        return float(loss)\n"),
    "tuple": ("TG002", RETURN, "        return loss, logits\n"),
    "dict": ("TG002", RETURN, '        return {"loss": loss}\n'),
    "bare return": ("TG002", RETURN, "        return\n"),
    "no return": ("TG002", RETURN, "        self._loss = loss\n"),
    "new tensor": ("TG002", RETURN, "        return torch.tensor(loss)\n"),
    "loss.data": ("TG002", RETURN, "        return loss.data\n"),
    "backward": ("TG002", RETURN, "        return loss.backward()\n"),
    "unreduced": ("TG002", LOSS, '        loss = functional.cross_entropy(logits, label, reduction="none")\n'),
    "unreduced, weighted": (
        "TG002", LOSS, '        loss = functional.cross_entropy(logits, label, reduction="none") * 0.5\n'),
    "no_grad around": ("TG002", LOSS, f"        with torch.no_grad():\n    {LOSS}"),
    "no_grad above": ("TG002", SIGNATURE, f"    @torch.no_grad()\n{SIGNATURE}"),
    "one bad branch": ("TG002", RETURN, f"        if run_dry:\n            return loss.detach()\n{RETURN}"),
    "cut on both branches": (
        "TG002", RETURN,
        "        if label.ndim:\n            loss = loss.detach()\n        else:\n            loss = 0.5\n" + RETURN),
    "annotation float": ("TG002", SIGNATURE, SIGNATURE.replace("-> torch.Tensor", "-> float")),
    "annotation optional": ("TG002", SIGNATURE, SIGNATURE.replace("-> torch.Tensor", "-> torch.Tensor | None")),
    # TG003
    "no argument hint": ("TG003", SIGNATURE, SIGNATURE.replace(": tuple[torch.Tensor, torch.Tensor]", "")),
    "no return hint": ("TG003", "    def on_train_begin(self) -> None:\n", "    def on_train_begin(self):\n"),
    "no hint for **run": ("TG003", "        **run: Any,\n", "        **run,\n"),
    # TG004
    "nothing saved": ("TG004", SAVE, "        path = folder\n"),
    "saved after return": ("TG004", SAVE, f"        return\n{SAVE}"),
    "saved if False": ("TG004", SAVE, f"        path = folder\n        if False:\n    {SAVE}"),
    "a function of the project named save that does not": (
        "TG004", SAVE, "        path = self.save_later()\n\n    def save_later(self) -> Path:\n"
        '        """Later."""\n        path = Path()\n'),
    "no on_train_end": ("TG004", "    def on_train_end(self) -> None:\n", "    def on_training_over(self) -> None:\n"),
    # TG005
    "print": ("TG005", LOG, '        print("begin")\n'),
    "f-string": ("TG005", LOG, '        logger.info(f"hidden {self.config.model_hidden}")\n'),
    "format": ("TG005", LOG, '        logger.info("hidden {}".format(self.config.model_hidden))\n'),
    "percent": ("TG005", LOG, '        logger.info("hidden %d" % self.config.model_hidden)\n'),
    "concatenation": ("TG005", LOG, '        logger.info("model " + self.config.SECTION)\n'),
    "too few": ("TG005", LOG, '        logger.info("hidden %d, rate %s", 3)\n'),
    "too many": ("TG005", LOG, '        logger.info("hidden %d", 3, 4)\n'),
    "none at all": ("TG005", LOG, '        logger.info("hidden %d")\n'),
    "no placeholder": ("TG005", LOG, '        logger.info("100%! %s", 3)\n'),
    "log with level": ("TG005", LOG, '        logger.log(10, "hidden %d")\n'),
    # TG006
    "open": ("TG006", MKDIR, f"{MKDIR}        with open(folder) as stream:\n            stream.read()\n"),
    "mkdir without parents": ("TG006", MKDIR, "        folder.mkdir(exist_ok=True)\n"),
    "mkdir without flags": ("TG006", MKDIR, "        folder.mkdir()\n"),
    "mkdir with a false flag": ("TG006", MKDIR, "        folder.mkdir(parents=True, exist_ok=False)\n"),
    # TG007
    "no guard": ("TG007", VALIDATE, ""),
    "assert": ("TG007", VALIDATE, f"{VALIDATE}        assert batch is not None\n"),
    "no dtype in the messages": ("TG007", "got dtype {image.dtype}, shape", "got shape"),
    "no shape in the messages": ("TG007", ", shape {tuple(image.shape)}", ""),
    "an error without a message": (
        "TG007", VALIDATE, f"        if batch is None:\n            raise ValueError\n{VALIDATE}"),
    # TG008
    "a setting that nobody reads": ("TG008", ", smoothing=config.label_smoothing", ""),
    "no config_class": ("TG008", "    config_class = DigitsNetTrainerConfig\n", ""),
    # TG009
    "no file docstring": (
        "TG009", '"""Train DigitsNet: classify image float32 [batch, 1, 8, 8] into 10 classes."""\n\n', ""),
    "empty method docstring": ("TG009", '        """Log the configuration."""\n', '        """TODO"""\n'),
    "method without": ("TG009", '        """Save the weights."""\n', ""),
    "the name again": ("TG009", '        """Save the weights."""\n', '        """On train end."""\n'),
    "unknown argument": ("TG009", "            batch: see the class.\n", "            data: see the class.\n"),
    # TG010
    "no future import": ("TG010", "from __future__ import annotations\n\n", ""),
    "third party after local": ("TG010", IMPORTS, f"{IMPORTS}import numpy\n"),
    "standard library after third party": ("TG010", "import torch\n", "import torch\nimport math\n"),
    "cuda()": ("TG010", "        image = batch[0].to(self.device)\n", "        image = batch[0].cuda()\n"),
    "to cuda": ("TG010", "        image = batch[0].to(self.device)\n", '        image = batch[0].to("cuda:0")\n'),
    "device keyword": ("TG010", RETURN, f'        self.weight = torch.ones(3, device="cuda")\n{RETURN}'),
    "is_available": ("TG010", RETURN, f"        self.fast = torch.cuda.is_available()\n{RETURN}"),
    "clipping": ("TG010", RETURN, f"        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)\n{RETURN}"),
    "scheduler step": ("TG010", LOG, f"{LOG}        self.scheduler.step()\n"),
    "early stopping": ("TG010", LOG, f"{LOG}        self._patience_left = 3\n"),
    "Optional": (
        "TG010", "import TYPE_CHECKING, Any\n", "import TYPE_CHECKING, Any, Optional\n\nT = Optional[int]\n"),
}  # fmt: skip

CONFIG_STOPPED = {
    "no decorator": ("TG008", "@dataclass(kw_only=True)\n", ""),
    "no SECTION": ("TG008", SECTION, ""),
    "empty SECTION": ("TG008", SECTION, '    SECTION: ClassVar[str] = ""\n'),
    "SECTION is a field": ("TG008", SECTION, '    SECTION: str = "train_digits_net"\n'),
    "no default": ("TG008", FIELD, "    model_hidden: int\n"),
    "no type": ("TG008", FIELD, "    model_hidden = 64\n"),
    "undocumented field": ("TG009", FIELD, f"{FIELD}    num_epochs: int = 3\n"),
}

LET_THROUGH = {
    "super of a base by name": (SUPER, "        Trainer.__init__(self, model, dataloader, optimizer, config, **run)\n"),
    "a guard before super": (
        SUPER,
        f'        if model is None:\n            raise ValueError("model is None")\n{SUPER}',
    ),
    "super on both paths": (SUPER, f"        if run:\n    {SUPER}        else:\n    {SUPER}"),
    "a hook of a base by name": (HOOK, "        Trainer.on_train_begin(self)\n"),
    "a hook's super below a condition": (HOOK, f"        if self.config.seed:\n    {HOOK}"),
    "detached metrics": (RETURN, f"        self._last = loss.detach().item()\n{RETURN}"),
    "a sum that begins with zeros": (
        RETURN,
        "        total = torch.zeros((), device=self.device)\n        for part in (loss, loss):\n"
        "            total = total + part\n        return total\n",
    ),
    "a sum that begins with a number": (RETURN, "        total = 0.0\n        total += loss\n        return total\n"),
    "cut and mended": (RETURN, "        shown = loss.detach()\n        shown = loss\n        return shown\n"),
    "reduced by hand": (
        LOSS,
        '        loss = functional.cross_entropy(logits, label, reduction="none")\n        loss = (loss * 2).mean()\n',
    ),
    "a mask computed without gradients": (
        LOSS,
        f"        with torch.no_grad():\n            weight = torch.ones(3, device=self.device)\n{LOSS}"
        "        loss = loss * weight.sum()\n",
    ),
    "straight-through": (LOSS, f"{LOSS}        loss = loss + (logits - logits.detach()).sum()\n"),
    "a match": (RETURN, f"        match image.ndim:\n            case 4:\n                loss = loss * 1\n{RETURN}"),
    "another annotation of torch": (SIGNATURE, SIGNATURE.replace("-> torch.Tensor", '-> "torch.Tensor"')),
    "saving through a method": (
        SAVE,
        "        path = self._keep(folder)\n\n    def _keep(self, folder: Path) -> Path:\n"
        "        folder = self.save_weights(folder)\n        path = folder\n",
    ),
    "torch.save": (SAVE, '        path = folder / "weights.pt"\n        torch.save(self.model.state_dict(), path)\n'),
    "percent in a text": (LOG, '        logger.info("50% done")\n'),
    "width from an argument": (LOG, '        logger.info("%*d of 100%%", 3, 4)\n'),
    "a mapping": (LOG, '        logger.info("%(a)s", {"a": 1})\n'),
    "starred": (LOG, '        logger.info("%s %s", *self.history)\n'),
    "options": (LOG, '        logger.info("now %s", 1, exc_info=True, stacklevel=2)\n'),
    "not a logger": (LOG, '        self.config.info(f"{self}")\n'),
    "a runtime's guard": (VALIDATE, "        self.check_batch(batch)\n"),
    "a guard in compute_loss": (
        VALIDATE,
        '        if batch is None:\n            raise TypeError("batch is None: shapes and dtypes are in the class")\n',
    ),
    "the cpu": (RETURN, f"        self._seen = logits.detach().cpu()\n{RETURN}"),
    "a device's type": (RETURN, f'        self._fast = self.device.type == "cuda"\n{RETURN}'),
    "own stepping": (
        LOG,
        f"{LOG}        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)\n" "\n    manual_step = True\n",
    ),
    "a configuration that is handed on whole": (
        "(hidden=config.model_hidden, smoothing=config.label_smoothing)",
        "(config)",
    ),
    "a setting that is read by its name": (
        "smoothing=config.label_smoothing",
        'smoothing=getattr(config, "label_smoothing")',
    ),
    "an optimizer's step is no scheduler's": (LOG, f"{LOG}        self.optimizer.step()\n"),
}


def findings(files: dict[str, str]) -> list[str]:
    return [finding.code for finding in check_files(files, Facts(files=files))]


@pytest.mark.parametrize("name", STOPPED)
def test_a_fault_is_seen_by_its_gate_and_no_other(name: str) -> None:
    code, old, new = STOPPED[name]
    assert set(findings(changed(old, new))) == {code}


@pytest.mark.parametrize("name", CONFIG_STOPPED)
def test_a_config_fault_is_seen_by_its_gate_and_no_other(name: str) -> None:
    code, old, new = CONFIG_STOPPED[name]
    assert set(findings(changed(old, new, CONFIG_PATH))) == {code}


@pytest.mark.parametrize("name", LET_THROUGH)
def test_what_is_healthy_passes(name: str) -> None:
    old, new = LET_THROUGH[name]
    assert findings(changed(old, new)) == []


def test_a_section_belongs_to_one_config() -> None:
    twin = CONFIG.replace("DigitsNet", "OtherNet")
    files = PROJECT | {"config/other.py": twin}
    found = check_files(files, Facts(files=files))
    assert {(item.code, item.path) for item in found} == {("TG008", "config/other.py"), ("TG008", CONFIG_PATH)}
    assert "OtherNetTrainerConfig too (config/other.py:12)" in found[-1].message + found[0].message
    assert findings(PROJECT | {"config/other.py": twin.replace("train_digits_net", "train_other_net")}) == []


def test_a_config_that_is_none_is_seen_from_the_trainer() -> None:
    files = changed("class DigitsNetTrainerConfig(BaseTrainerConfig):", "class DigitsNetTrainerConfig:", CONFIG_PATH)
    (found,) = check_files(files, Facts(files=files))
    assert (found.code, found.path) == ("TG008", TRAINER_PATH)


def test_what_a_base_in_the_project_gives_counts() -> None:
    """Saving, guards and config_class may come from a house base between the trainer and the runtime's."""
    head, _, rest = TRAINER.partition("    def on_train_end(self) -> None:\n")
    body = "    def on_train_end(self) -> None:\n" + rest
    house = head.split("class DigitsNetTrainer")[0] + (
        "class HouseTrainer(Trainer):\n"
        '    """What all trainers of this house share."""\n\n'
        "    config_class = DigitsNetTrainerConfig\n\n" + body
    )
    trainer = (
        head.replace("    config_class = DigitsNetTrainerConfig\n", "")
        .replace("class DigitsNetTrainer(Trainer[", "class DigitsNetTrainer(HouseTrainer[")
        .replace(IMPORTS, "from train.base_trainer import metrics\nfrom train.house import HouseTrainer\n")
    )
    files = PROJECT | {"train/house.py": house, TRAINER_PATH: trainer}
    assert findings(files) == []
    files["train/house.py"] = house.replace(SAVE, "        path = folder\n")
    assert findings(files) == ["TG004"]


def test_a_loss_made_unreduced_in_init_is_seen_at_the_return() -> None:
    files = changed(SUPER, f'{SUPER}        self.criterion = torch.nn.CrossEntropyLoss(reduction="none")\n')
    assert findings(files) == []
    files[TRAINER_PATH] = files[TRAINER_PATH].replace(LOSS, "        loss = self.criterion(logits, label)\n")
    assert findings(files) == ["TG002"]


def test_paths_by_string_are_seen() -> None:
    files = changed("from pathlib import Path\n", "import os\nfrom pathlib import Path\n")
    assert findings(files) == []
    files[TRAINER_PATH] = files[TRAINER_PATH].replace(MKDIR, f'{MKDIR}        folder = Path(os.path.join("a", "b"))\n')
    assert findings(files) == ["TG006"]


def test_a_setting_may_be_read_by_another_file() -> None:
    files = changed(", smoothing=config.label_smoothing", "")
    assert findings(files) == ["TG008"]
    assert findings(files | {"tools/tune.py": "def tune(trainer):\n    return trainer.config.label_smoothing\n"}) == []
