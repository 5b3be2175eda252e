"""One script of a hundred lines, and what can be wrong with it: (code, changes from right to wrong)."""

SCRIPT = """\
# Train a ViT on CIFAR with warmup.
import argparse, math, random
from pathlib import Path
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Subset
from torch.utils.tensorboard import SummaryWriter
import torchvision
import torchvision.transforms as T
from vit import ViT


def set_seed(s):
    random.seed(s)
    np.random.seed(s)
    torch.manual_seed(s)


def get_data(root, bs, workers):
    tr = T.Compose([T.RandomCrop(32, padding=4), T.ToTensor()])
    full = torchvision.datasets.CIFAR10(root, train=True, transform=tr, download=True)
    idx = torch.randperm(len(full)).tolist()
    train, valid = Subset(full, idx[:45000]), Subset(full, idx[45000:])
    g = torch.Generator().manual_seed(0)
    trainloader = DataLoader(train, batch_size=bs, shuffle=True, num_workers=workers, generator=g)
    validloader = DataLoader(valid, batch_size=bs, shuffle=False, num_workers=workers)
    return trainloader, validloader


class EarlyStop:
    def __init__(self, patience):
        self.patience, self.best, self.bad = patience, math.inf, 0

    def __call__(self, value):
        if value < self.best:
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        return self.bad >= self.patience


def run_epoch(model, loader, criterion, optimizer, scheduler, device, writer, step):
    model.train()
    for images, labels in loader:
        images = images.to(device, non_blocking=True)
        labels = labels.to(device, non_blocking=True)
        logits = model(images)
        loss = criterion(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        scheduler.step()
        if step % 100 == 0:
            writer.add_scalar("train/loss", loss.item(), step)
        step += 1
    return step


@torch.no_grad()
def score(model, loader, criterion, device):
    model.eval()
    loss_sum, hit, n = 0.0, 0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        logits = model(images)
        loss_sum += criterion(logits, labels).item() * labels.size(0)
        hit += (logits.argmax(-1) == labels).sum().item()
        n += labels.size(0)
    return loss_sum / n, hit / n


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--epochs", type=int, default=100)
    ap.add_argument("--out", type=Path, default=Path("out"))
    args = ap.parse_args()
    set_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    args.out.mkdir(parents=True, exist_ok=True)
    trainloader, validloader = get_data("data", 128, 4)
    model = ViT(num_classes=10).to(device)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    total = args.epochs * len(trainloader)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=total)
    writer = SummaryWriter(args.out)
    stop = EarlyStop(10)
    step = 0
    for epoch in range(args.epochs):
        step = run_epoch(model, trainloader, criterion, optimizer, scheduler, device, writer, step)
        val_loss, val_acc = score(model, validloader, criterion, device)
        writer.add_scalar("val/loss", val_loss, epoch)
        print(f"{epoch}: {val_loss:.4f} {val_acc:.3f}")
        if stop(val_loss):
            break
    torch.save(model.state_dict(), args.out / "vit.pt")


if __name__ == "__main__":
    main()
"""

FAULTS: list[tuple[str, tuple[tuple[str, str], ...]]] = [
    ("TG101", (("        optimizer.zero_grad(set_to_none=True)\n",""),)),
    ("TG101", (("        optimizer.zero_grad(set_to_none=True)\n",""),("    model.train()\n    for","    model.train()\n    optimizer.zero_grad()\n    for"),)),
    ("TG102", (("        optimizer.zero_grad(set_to_none=True)\n        loss.backward()\n","        loss.backward()\n        optimizer.zero_grad(set_to_none=True)\n"),)),
    ("TG102", (("        optimizer.zero_grad(set_to_none=True)\n",""),("        optimizer.step()\n","        model.zero_grad()\n        optimizer.step()\n"),)),
    ("TG103", (("    model.train()\n    for","    model.train()\n    losses = []\n    for"),("        step += 1\n","        step += 1\n        losses.append(loss)\n"),)),
    ("TG103", (("    model.train()\n    for","    model.train()\n    epoch_loss = 0\n    for"),("        step += 1\n","        step += 1\n        epoch_loss += loss * images.size(0)\n"),)),
    ("TG103", (("    model.train()\n    for","    model.train()\n    log = {'loss': 0}\n    for"),("        step += 1\n","        step += 1\n        log['loss'] += loss\n"),)),
    ("TG104", (("        if step % 100 == 0:\n            writer.add_scalar(\"train/loss\", loss.item(), step)\n","        writer.add_scalar(\"train/loss\", loss.item(), step)\n"),)),
    ("TG104", (("        if step % 100 == 0:\n","        correct = (logits.argmax(-1) == labels).sum().cpu().numpy()\n        if step % 100 == 0:\n"),)),
    ("TG104", (("        torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)\n","        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)\n        writer.add_scalar('norm', norm.item(), step)\n"),)),
    ("TG105", (("    model.eval()\n",""),)),
    ("TG105", (("    model.eval()\n","    model.train()\n"),)),
    ("TG106", (("@torch.no_grad()\n",""),)),
    ("TG107", (("    model.train()\n    for","    for"),)),
    ("TG107", (("    model.train()\n    for","    for"),("    stop = EarlyStop(10)\n","    stop = EarlyStop(10)\n    model.train()\n"),)),
    ("TG108", (("        optimizer.step()\n        scheduler.step()\n","        scheduler.step()\n        optimizer.step()\n"),)),
    ("TG109", (("        optimizer.step()\n        scheduler.step()\n","        optimizer.step()\n"),("        val_loss, val_acc =","        scheduler.step()\n        val_loss, val_acc ="),)),
    ("TG109", (("OneCycleLR(optimizer, max_lr=1e-3, total_steps=total)","CosineAnnealingLR(optimizer, T_max=args.epochs)"),)),
    ("TG109", (("OneCycleLR(optimizer, max_lr=1e-3, total_steps=total)","ReduceLROnPlateau(optimizer)"),)),
    ("TG109", (("OneCycleLR(optimizer, max_lr=1e-3, total_steps=total)","StepLR(optimizer, 30, 0.1)"),)),
    ("TG112", (("        logits = model(images)\n        loss = criterion(logits, labels)\n","        probs = nn.functional.softmax(model(images), dim=-1)\n        loss = criterion(probs, labels)\n"),("hit","hit"),)),
    ("TG113", (("images = images.to(device, non_blocking=True)","images = images.cuda(non_blocking=True)"),)),
    ("TG113", (('device = torch.device("cuda" if torch.cuda.is_available() else "cpu")','device = "cuda"'),)),
    ("TG113", (("model = ViT(num_classes=10).to(device)","model = ViT(num_classes=10).cuda()"),)),
    ("TG114", (("        logits = model(images)\n        loss = criterion(logits, labels)\n","        lam = torch.rand(images.size(0), 1, 1, 1)\n        images = lam * images + (1 - lam) * images.flip(0)\n        logits = model(images)\n        loss = criterion(logits, labels)\n"),)),
    ("TG115", (("        images = images.to(device, non_blocking=True)\n","        images.to(device, non_blocking=True)\n"),)),
    ("TG115", (("        loss = criterion(logits, labels)\n        optimizer","        logits.float()\n        loss = criterion(logits, labels)\n        optimizer"),)),
    ("TG116", (("generator=g)","worker_init_fn=lambda w: np.random.seed(0))"),)),
    ("TG118", (("shuffle=True, num_workers=workers, generator=g","num_workers=workers"),)),
    ("TG118", (("batch_size=bs, shuffle=False","batch_size=bs, shuffle=True"),)),
    ("TG122", (("torch.save(model.state_dict(), args","torch.save(model, args"),)),
    ("TG122", (("torch.save(model.state_dict(), args",'torch.save({"model": model, "epoch": epoch}, args'),)),
    ("TG126", (("        loss.backward()\n","        loss = loss.detach().requires_grad_(True)\n        loss.backward()\n"),)),
    ("TG126", (("        loss = criterion(logits, labels)\n        optimizer","        loss = criterion(logits.detach(), labels)\n        loss.requires_grad = True\n        optimizer"),)),
    ("TG126", (("        logits = model(images)\n        loss = criterion(logits, labels)\n        opt","        with torch.no_grad():\n            logits = model(images)\n            loss = criterion(logits, labels)\n        opt"),)),
    ("TG126", (("        loss.backward()\n","        loss = torch.tensor(float(loss), requires_grad=True)\n        loss.backward()\n"),)),
    ("TG127", (("nn.CrossEntropyLoss(label_smoothing=0.1)",'nn.CrossEntropyLoss(reduction="none")'),("criterion(logits, labels).item() * labels.size(0)","criterion(logits, labels).sum().item()"),)),
    ("TG128", (("        loss_sum += criterion(logits, labels).item() * labels.size(0)\n","        loss_sum += criterion(logits, labels).item()\n"),("return loss_sum / n, hit / n","return loss_sum / len(loader), hit / n"),)),
    ("TG128", (("        hit += (logits.argmax(-1) == labels).sum().item()\n","        hit += (logits.argmax(-1) == labels).float().mean().item()\n"),("hit / n","hit / len(loader)"),)),
    ("TG129", (("        logits = model(images)\n        loss = ","        logits = model.forward(images)\n        loss = "),)),
    ("TG130", (("    total = args.epochs","    model.head = nn.Linear(192, 10).to(device)\n    total = args.epochs"),)),
    ("TG130", (("    model = ViT(num_classes=10).to(device)\n    criterion","    model = ViT(num_classes=10)\n    criterion"),("    total = args.epochs","    model = ViT(num_classes=10).to(device)\n    total = args.epochs"),)),
]  # fmt: skip
