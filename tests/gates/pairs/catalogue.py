"""Pairs of a fault and its fixed twin: a right file, and the passage that makes it wrong. Not the rules' own examples."""

from __future__ import annotations

from typing import NamedTuple

from . import classes as c
from . import scripts as s
from . import tutorials as u


class Pair(NamedTuple):
    """One fault in a whole file.

    Attributes:
        code: the gate that must see it.
        twin: the file without the fault.
        changes: (right, wrong) passages; each right one occurs exactly once in the twin.
    """

    code: str
    twin: str
    changes: tuple[tuple[str, str], ...]

    @property
    def bad(self) -> str:
        """The file with the fault."""
        text = self.twin
        for right, wrong in self.changes:
            assert text.count(right) == 1, f"{text.count(right)} times: {right!r}"
            text = text.replace(right, wrong)
        return text


def pair(code: str, twin: str, *changes: tuple[str, str]) -> Pair:
    """A pair from its parts."""
    return Pair(code, twin, changes)


PAIRS: dict[str, Pair] = {
    # T01
    "no zero_grad in a function": pair("TG101", s.CLASSIFIER, ("        optimizer.zero_grad()\n", "")),
    "zero_grad once an epoch": pair(
        "TG101", s.FLAT, ("        optimizer.zero_grad()\n", ""), ("    train_loss = 0.0\n", "    optimizer.zero_grad()\n    train_loss = 0.0\n")),
    "no zero_grad in a method": pair("TG101", c.OWN_TRAINER, ("        self.optimizer.zero_grad()\n", "")),
    "one of two optimizers": pair("TG101", s.GAN, ("            optimizerG.zero_grad()\n", "")),
    "no zero_grad in a while loop": pair("TG101", s.GPT, ("    optimizer.zero_grad(set_to_none=True)\n", "")),
    # T02
    "cleared before the step": pair(
        "TG102", s.FLAT,
        ("        optimizer.zero_grad()\n        loss.backward()\n        optimizer.step()\n",
         "        loss.backward()\n        optimizer.zero_grad()\n        optimizer.step()\n")),
    "step before backward": pair(
        "TG102", s.CLASSIFIER,
        ("        loss.backward()\n        optimizer.step()\n", "        optimizer.step()\n        loss.backward()\n")),
    "cleared in the accumulation's branch": pair(
        "TG102", s.AMP,
        ("                scaler.unscale_(opt)\n", "                opt.zero_grad(set_to_none=True)\n                scaler.unscale_(opt)\n"),
        ("                scaler.update()\n                opt.zero_grad(set_to_none=True)\n", "                scaler.update()\n")),
    "manual optimization, wrong order": pair(
        "TG102", c.MANUAL_LIGHTNING,
        ("        opt.zero_grad()\n        self.manual_backward(loss)\n", "        self.manual_backward(loss)\n        opt.zero_grad()\n")),
    # T03
    "sum of losses": pair("TG103", s.CLASSIFIER, ("        running += loss.detach()\n", "        running += loss\n")),
    "list of losses": pair("TG103", s.AMP, ("            seen.append(loss.detach())\n", "            seen.append(loss)\n")),
    "returned by a step": pair("TG103", c.OWN_TRAINER, ("        return loss.detach()\n", "        return loss\n")),
    "weighted sum": pair("TG103", s.FLAT, ("        train_loss += loss.detach() * len(x)\n", "        train_loss = train_loss + loss * len(x)\n")),
    "generator losses": pair("TG103", s.GAN, ("g_losses.append(errG.detach())", "g_losses.append(errG)")),
    "accelerate's total": pair("TG103", c.ACCELERATE, ("total_loss += loss.detach().float()", "total_loss += loss.float()")),
    # T04
    "item in every step": pair("TG104", s.CLASSIFIER, ("        running += loss.detach()\n", "        running += loss.item()\n")),
    "progress bar": pair(
        "TG104", s.FLAT, ("        train_loss += loss.detach() * len(x)\n", "        train_loss += float(loss) * len(x)\n")),
    "to NumPy": pair("TG104", s.GAN, ("g_losses.append(errG.detach())", "g_losses.append(errG.detach().cpu().numpy())")),
    "printed in every step": pair(
        "TG104", s.DDP, ("            total += loss.detach()\n", '            total += loss.detach()\n            print(f"loss {loss.item():.3f}")\n')),
    # T05
    "no eval in a function": pair("TG105", s.CLASSIFIER, ("    model.eval()\n", "")),
    "no eval in a method": pair("TG105", c.OWN_TRAINER, ("        self.model.eval()\n", "")),
    "no eval in a script": pair(
        "TG105", s.FLAT, ("    net.eval()\n    val_loss = 0.0\n", "    val_loss = 0.0\n")),
    "no eval with accelerate": pair("TG105", c.ACCELERATE, ("    model.eval()\n", "")),
    # T06
    "graphs in validation": pair("TG106", c.OWN_TRAINER, ("    @torch.no_grad()\n", "")),
    "graphs in a decorated evaluation": pair("TG106", s.AMP, ("@torch.inference_mode()\n", "")),
    "graphs in a script's validation": pair(
        "TG106", s.FLAT,
        ("    with torch.no_grad():\n        for x, y in val_loader:\n            x = x.to(device)\n            y = y.to(device)\n            val_loss += loss_fn(net(x), y).item() * len(x)\n",
         "    for x, y in val_loader:\n        x = x.to(device)\n        y = y.to(device)\n        val_loss += loss_fn(net(x), y).item() * len(x)\n")),
    # T07
    "train once before the epochs": pair(
        "TG107", s.FLAT, ("for epoch in range(100):\n    net.train()\n", "net.train()\nfor epoch in range(100):\n")),
    "evaluation leaves eval mode": pair("TG107", s.GPT, ("    model.train()\n    return out\n", "    return out\n")),
    "trainer stays in eval mode": pair("TG107", c.OWN_TRAINER, ("        self.model.train()\n", "")),
    "accelerate's loop stays in eval mode": pair("TG107", c.ACCELERATE, ("        model.train()\n", "")),
    # T08
    "schedule first": pair(
        "TG108", s.CLASSIFIER,
        ("        train_one_epoch(model, device, train_loader, optimizer, epoch, log_interval=100)\n",
         "        scheduler.step()\n        train_one_epoch(model, device, train_loader, optimizer, epoch, log_interval=100)\n"),
        ("        test(model, device, test_loader)\n        scheduler.step()\n", "        test(model, device, test_loader)\n")),
    "warm-up first": pair(
        "TG108", s.DDP, ("            optimizer.step()\n            warmup.step()\n", "            warmup.step()\n            optimizer.step()\n")),
    # T09
    "plateau without its metric": pair("TG109", s.FLAT, ("plateau.step(val_loss)", "plateau.step()")),
    "one cycle an epoch": pair(
        "TG109", s.AMP, ("                sched.step()\n", ""), ("        score = evaluate(", "        sched.step()\n        score = evaluate(")),
    "warm-up once an epoch": pair(
        "TG109", c.ACCELERATE, ("                lr_scheduler.step()\n", ""),
        ("        score = evaluate(", "        lr_scheduler.step()\n        score = evaluate(")),
    "step schedule in the batch loop": pair(
        "TG109", s.FINETUNE, ("                        optimizer.step()\n", "                        optimizer.step()\n                        scheduler.step()\n"),
        ('            if phase == "train":\n                scheduler.step()\n', "")),
    # T10, T11
    "weights_only off": pair("TG110", s.CLASSIFIER, ("weights_only=True", "weights_only=False")),
    "weights_only not said": pair("TG110", c.OWN_TRAINER, (", weights_only=True", "")),
    "no map_location": pair("TG111", s.GPT, ("map_location=device, ", "")),
    "no map_location in a script": pair("TG111", s.FLAT, ("map_location=device, ", "")),
    # T12
    "softmax in forward": pair("TG112", s.CLASSIFIER, ("        return self.fc(x)\n", "        return F.softmax(self.fc(x), dim=1)\n")),
    "sigmoid before logits": pair("TG112", s.GAN, ("errG = criterion(netD(fake), ", "errG = criterion(torch.sigmoid(netD(fake)), ")),
    "softmax before cross_entropy": pair(
        "TG112", c.TRANSFORMERS, ("        logits = outputs.logits\n", "        logits = torch.softmax(outputs.logits, dim=-1)\n")),
    "log_softmax in a Lightning step": pair(
        "TG112", c.LIGHTNING,
        ("        logits = self(tokens)\n        loss = F.cross_entropy(logits, label)\n",
         "        logits = self(tokens).log_softmax(dim=-1)\n        loss = F.cross_entropy(logits, label)\n")),
    # T13
    "cuda() in a loop": pair("TG113", s.CLASSIFIER, ("        data, target = data.to(device), target.to(device)\n        optimizer", "        data, target = data.cuda(), target.cuda()\n        optimizer")),
    "cuda as a device": pair("TG113", s.FINETUNE, ('torch.device("cuda:0" if torch.cuda.is_available() else "cpu")', 'torch.device("cuda:0")')),
    "cuda in a trainer": pair("TG113", c.OWN_TRAINER, ('tokens = batch["tokens"].to(self.device)\n        tags = batch["tags"].to(self.device)\n        self.optimizer', 'tokens = batch["tokens"].to("cuda")\n        tags = batch["tags"].to("cuda")\n        self.optimizer')),
    # T14
    "noise on the CPU": pair("TG114", s.GAN, ("noise = torch.randn(b, nz, 1, 1, device=device)", "noise = torch.randn(b, nz, 1, 1)")),
    "noise in compute_loss": pair("TG114", c.TRAINERGEN, ("torch.randn(clean.shape, device=self.device)", "torch.randn(clean.shape)")),
    # T15
    "to() thrown away": pair("TG115", s.FLAT, ("        x = x.to(device)\n        y = y.to(device)\n        prediction", "        x.to(device)\n        y.to(device)\n        prediction")),
    "moved without effect": pair("TG115", s.FINETUNE, ("                inputs = inputs.to(device)\n", "                inputs.to(device)\n")),
    # T16
    "every worker the same seed": pair("TG116", s.DDP, ("np.random.seed((torch.initial_seed() + worker_id) % 2**32)", "np.random.seed(1234)")),
    "every sample the same seed": pair(
        "TG116", s.DDP, ("        noise = np.random.normal", "        np.random.seed(0)\n        noise = np.random.normal")),
    # T17, T18
    "no set_epoch": pair("TG117", s.DDP, ("        train_sampler.set_epoch(epoch)\n", "")),
    "train loader in order": pair("TG118", s.FLAT, ("batch_size=64, shuffle=True", "batch_size=64")),
    "train key in order": pair("TG118", s.FINETUNE, ("shuffle=True, num_workers=4", "shuffle=False, num_workers=4")),
    "sampler and shuffle": pair("TG118", s.DDP, ("batch_size=64, sampler=train_sampler", "batch_size=64, shuffle=True, sampler=train_sampler")),
    "shuffled validation": pair("TG118", c.LIGHTNING, ("DataLoader(self.val_ds, batch_size=self.batch_size", "DataLoader(self.val_ds, batch_size=self.batch_size, shuffle=True")),
    # T19, T20, T21
    "clipped while scaled": pair("TG119", s.AMP, ("                scaler.unscale_(opt)\n", "")),
    "no scaler.update": pair("TG120", s.AMP, ("                scaler.update()\n", "")),
    "plain step beside a scaler": pair("TG120", s.AMP, ("                scaler.step(opt)\n                scaler.update()\n", "                opt.step()\n")),
    "backward below autocast": pair("TG121", s.AMP, ("            scaler.scale(loss).backward()\n", "                scaler.scale(loss).backward()\n")),
    # T22, T23, T24
    "model pickled": pair("TG122", s.FLAT, ("torch.save(net.state_dict(), ", "torch.save(net, ")),
    "model in a dict": pair("TG122", s.GAN, ('{"generator": netG.state_dict(), ', '{"generator": netG, ')),
    "overwritten in place": pair(
        "TG123", s.CLASSIFIER,
        ('        torch.save(state, args.resume + ".tmp")\n        os.replace(args.resume + ".tmp", args.resume)\n', "        torch.save(state, args.resume)\n")),
    "overwritten in place by a script": pair(
        "TG123", s.GPT,
        ('            torch.save(state, checkpoint_path + ".part")\n            os.replace(checkpoint_path + ".part", checkpoint_path)\n', "            torch.save(state, checkpoint_path)\n")),
    "no optimizer in the checkpoint": pair(
        "TG124", c.OWN_TRAINER,
        ('                "optimizer": self.optimizer.state_dict(),\n', ""), ('        self.optimizer.load_state_dict(state["optimizer"])\n', "")),
    "no scheduler in the checkpoint": pair(
        "TG124", s.CLASSIFIER,
        ('            "scheduler": scheduler.state_dict(),\n', ""), ('        scheduler.load_state_dict(checkpoint["scheduler"])\n', "")),
    # T25
    "loss not divided": pair("TG125", s.AMP, ("loss = criterion(logits, mask) / settings.accumulation", "loss = criterion(logits, mask)")),
    "last window lost": pair("TG125", s.AMP, ("if (i + 1) % settings.accumulation == 0 or i + 1 == len(train_dl):", "if (i + 1) % settings.accumulation == 0:")),
    # T26, T27
    "loss detached in compute_loss": pair("TG126", c.TRAINERGEN, ("        return loss\n", "        return loss.detach()\n")),
    "prediction detached": pair("TG126", s.FLAT, ("        prediction = net(x)\n        loss = loss_fn(prediction, y)\n", "        prediction = net(x).detach()\n        loss = loss_fn(prediction, y).requires_grad_()\n")),
    "a new tensor from the loss": pair("TG126", c.TRANSFORMERS, ("        return (loss, outputs) if return_outputs else loss\n", "        loss = torch.tensor(loss.item(), requires_grad=True)\n        return (loss, outputs) if return_outputs else loss\n")),
    "tuple from compute_loss": pair("TG127", c.TRAINERGEN, ("        return loss\n", "        return loss, rebuilt\n")),
    "unreduced at backward": pair("TG127", s.CLASSIFIER, ("loss = F.cross_entropy(output, target)\n", 'loss = F.cross_entropy(output, target, reduction="none")\n')),
    # T28
    "mean of batch means": pair(
        "TG128", s.FLAT,
        ("            val_loss += loss_fn(net(x), y).item() * len(x)\n    val_loss /= len(val_data)\n",
         "            val_loss += loss_fn(net(x), y).item()\n    val_loss /= len(val_loader)\n")),
    "mean of dice means": pair(
        "TG128", s.AMP,
        ("        total += (1 - dice(logits, mask)).item() * mask.shape[0]\n        count += mask.shape[0]\n    return total / max(count, 1)\n",
         "        total += (1 - dice(logits, mask)).mean().item()\n        count += 1\n    return total / count\n")),
    # T29
    "forward called": pair("TG129", s.CLASSIFIER, ("        output = model(data)\n        loss", "        output = model.forward(data)\n        loss")),
    "forward called in a trainer": pair("TG129", c.OWN_TRAINER, ("        logits = self.model(tokens)\n        loss", "        logits = self.model.forward(tokens)\n        loss")),
    # T30
    "head replaced after the optimizer": pair(
        "TG130", s.FINETUNE,
        ("    model_ft.fc = nn.Linear(model_ft.fc.in_features, num_classes)\n", ""),
        ("    return model_ft, optimizer_ft\n", "    model_ft.fc = nn.Linear(model_ft.fc.in_features, num_classes).to(device)\n    return model_ft, optimizer_ft\n")),
    "layers in a list": pair("TG130", s.DDP, ("nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])", "[nn.Linear(width, width) for _ in range(depth)]")),
    # The second set: files in the manner of tutorials, written after the rules had met the first.
    "snapshots: no zero_grad": pair("TG101", u.SNAPSHOTS, ("        self.optimizer.zero_grad()\n", "")),
    "snapshots: cleared after backward": pair(
        "TG102", u.SNAPSHOTS,
        ("        self.optimizer.zero_grad()\n", ""), ("        loss.backward()\n", "        loss.backward()\n        self.optimizer.zero_grad()\n")),
    "snapshots: no set_epoch": pair("TG117", u.SNAPSHOTS, ("        self.train_data.sampler.set_epoch(epoch)\n", "")),
    "snapshots: shuffle and sampler": pair("TG118", u.SNAPSHOTS, ("shuffle=False, sampler", "shuffle=True, sampler")),
    "snapshots: overwritten in place": pair(
        "TG123", u.SNAPSHOTS, ("        torch.save(snapshot, temporary)\n        os.replace(temporary, self.snapshot_path)\n", "        torch.save(snapshot, self.snapshot_path)\n")),
    "snapshots: no optimizer": pair(
        "TG124", u.SNAPSHOTS,
        ('            "OPTIMIZER_STATE": self.optimizer.state_dict(),\n', ""), ('        self.optimizer.load_state_dict(snapshot["OPTIMIZER_STATE"])\n', "")),
    "snapshots: no map_location": pair("TG111", u.SNAPSHOTS, ('map_location=f"cuda:{self.local_rank}", ', "")),
    "snapshots: result thrown away": pair("TG115", u.SNAPSHOTS, ("            source = source.to(self.local_rank)\n", "            source.to(self.local_rank)\n")),
    "snapshots: module pickled": pair("TG122", u.SNAPSHOTS, ("self.model.module.state_dict()", "self.model.module")),
    "imagenet: no zero_grad": pair("TG101", u.IMAGENET, ("        optimizer.zero_grad()\n", "")),
    "imagenet: step first": pair("TG102", u.IMAGENET, ("        loss.backward()\n        optimizer.step()\n", "        optimizer.step()\n        loss.backward()\n")),
    "imagenet: item in every step": pair(
        "TG104", u.IMAGENET,
        ("        if i % args.print_freq == 0:\n            losses.update(loss.item(), images.size(0))\n", "        losses.update(loss.item(), images.size(0))\n        if i % args.print_freq == 0:\n")),
    "imagenet: no eval": pair("TG105", u.IMAGENET, ("    model.eval()\n", "")),
    "imagenet: graphs": pair("TG106", u.IMAGENET, ("        with torch.no_grad():\n            for images, target in loader:\n", "        if True:\n            for images, target in loader:\n")),
    "imagenet: no train()": pair("TG107", u.IMAGENET, ("    model.train()\n", "")),
    "imagenet: schedule first": pair(
        "TG108", u.IMAGENET,
        ("        scheduler.step()\n", ""), ("        train(train_loader, model, criterion", "        scheduler.step()\n        train(train_loader, model, criterion")),
    "imagenet: forward": pair("TG129", u.IMAGENET, ("        output = model(images)\n        loss = criterion(output, target)\n        optimizer", "        output = model.forward(images)\n        loss = criterion(output, target)\n        optimizer")),
    "imagenet: no shuffle": pair("TG118", u.IMAGENET, ("shuffle=True, ", "")),
    "imagenet: no scheduler saved": pair(
        "TG124", u.IMAGENET, ('                "scheduler": scheduler.state_dict(),\n', ""), ('        scheduler.load_state_dict(checkpoint["scheduler"])\n', "")),
    "imagenet: cuda": pair(
        "TG113", u.IMAGENET,
        ('    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")\n', '    device = torch.device("cuda")\n')),
    "imagenet: weights_only": pair("TG110", u.IMAGENET, (", weights_only=True", "")),
    "imagenet: StepLR a batch": pair(
        "TG109", u.IMAGENET,
        ("        scheduler.step()\n", ""), ("epoch, device, args):\n    losses", "epoch, device, args, scheduler):\n    losses"),
        ("        optimizer.step()\n", "        optimizer.step()\n        scheduler.step()\n"),
        ("        train(train_loader, model, criterion, optimizer, epoch, device, args)\n", "        train(train_loader, model, criterion, optimizer, epoch, device, args, scheduler)\n")),
    "writer: sum of losses": pair("TG103", u.WRITER, ("running_loss += loss.detach()", "running_loss += loss")),
    "writer: item in every step": pair("TG104", u.WRITER, ("running_loss += loss.detach()", "running_loss += loss.item()")),
    "writer: no eval": pair("TG105", u.WRITER, ("    model.eval()\n", "")),
    "writer: train once": pair("TG107", u.WRITER, ("for epoch in range(5):\n    model.train(True)\n", "model.train(True)\nfor epoch in range(5):\n")),
    "writer: mean of means": pair(
        "TG128", u.WRITER,
        ("            running_vloss += vloss * len(vlabels)\n            seen += len(vlabels)\n", "            running_vloss += vloss\n"),
        ("avg_vloss = running_vloss / seen", "avg_vloss = running_vloss / (i + 1)")),
    "writer: softmax in the model": pair(
        "TG112", u.WRITER, ("        return self.head(self.body(x))\n", "        return torch.softmax(self.head(self.body(x)), dim=1)\n")),
    "writer: softmax layer": pair(
        "TG112", u.WRITER,
        ("        self.head = torch.nn.Linear(120, 10)\n", "        self.head = torch.nn.Sequential(torch.nn.Linear(120, 10), torch.nn.Softmax(dim=1))\n")),
    "writer: model pickled": pair("TG122", u.WRITER, ("torch.save(model.state_dict(), ", "torch.save(model, ")),
    "writer: number instead of a loss": pair(
        "TG126", u.WRITER, ("        loss = loss_fn(outputs, labels)\n        loss.backward()\n", "        loss = torch.tensor(loss_fn(outputs, labels).item(), requires_grad=True)\n        loss.backward()\n")),
    "writer: optimizer before the model": pair(
        "TG130", u.WRITER,
        ("optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)\n", "optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)\nmodel.head = torch.nn.Linear(120, 20).to(device)\n")),
    "moco: no update": pair("TG120", u.CONTRASTIVE, ("            gs.update()\n", "")),
    "moco: plain step": pair("TG120", u.CONTRASTIVE, ("            gs.step(opt)\n            gs.update()\n", "            opt.step()\n")),
    "moco: clipped while scaled": pair(
        "TG119", u.CONTRASTIVE, ("            gs.step(opt)\n", "            nn.utils.clip_grad_norm_(moco.parameters(), 1.0)\n            gs.step(opt)\n")),
    "moco: backward below autocast": pair(
        "TG121", u.CONTRASTIVE,
        ("            opt.zero_grad(set_to_none=True)\n            gs.scale(loss).backward()\n", "                opt.zero_grad(set_to_none=True)\n                gs.scale(loss).backward()\n")),
    "moco: schedule in the batch loop": pair(
        "TG109", u.CONTRASTIVE, ("            gs.update()\n", "            gs.update()\n            sched.step()\n"), ("        sched.step()\n\n\n", "\n\n")),
    "moco: closure without zero_grad": pair("TG101", u.CONTRASTIVE, ("                opt.zero_grad()\n", "")),
    "moco: probe in training mode": pair("TG105", u.CONTRASTIVE, ("    probe.eval()\n", ""), ("    encoder.eval()\n", "")),
    "moco: graphs in the test": pair("TG106", u.CONTRASTIVE, ("    with torch.inference_mode():\n", "    if True:\n")),
}  # fmt: skip
