"""Training code that is right, in the manner of tutorials and examples: more ground for the pairs."""

SNAPSHOTS = '''\
"""Fault-tolerant training with snapshots, one process a GPU."""

import argparse
import os

import torch
import torch.nn.functional as F
from torch.distributed import destroy_process_group, init_process_group
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.distributed import DistributedSampler


class Trainer:
    def __init__(self, model, train_data, optimizer, save_every, snapshot_path):
        self.local_rank = int(os.environ["LOCAL_RANK"])
        self.global_rank = int(os.environ["RANK"])
        self.model = model.to(self.local_rank)
        self.train_data = train_data
        self.optimizer = optimizer
        self.save_every = save_every
        self.epochs_run = 0
        self.snapshot_path = snapshot_path
        if os.path.exists(snapshot_path):
            print("Loading snapshot")
            self._load_snapshot()
        self.model = DDP(self.model, device_ids=[self.local_rank])

    def _load_snapshot(self):
        snapshot = torch.load(self.snapshot_path, map_location=f"cuda:{self.local_rank}", weights_only=True)
        self.model.load_state_dict(snapshot["MODEL_STATE"])
        self.optimizer.load_state_dict(snapshot["OPTIMIZER_STATE"])
        self.epochs_run = snapshot["EPOCHS_RUN"]

    def _run_batch(self, source, targets):
        self.optimizer.zero_grad()
        output = self.model(source)
        loss = F.cross_entropy(output, targets)
        loss.backward()
        self.optimizer.step()

    def _run_epoch(self, epoch):
        self.train_data.sampler.set_epoch(epoch)
        for source, targets in self.train_data:
            source = source.to(self.local_rank)
            targets = targets.to(self.local_rank)
            self._run_batch(source, targets)

    def _save_snapshot(self, epoch):
        snapshot = {
            "MODEL_STATE": self.model.module.state_dict(),
            "OPTIMIZER_STATE": self.optimizer.state_dict(),
            "EPOCHS_RUN": epoch + 1,
        }
        temporary = self.snapshot_path + ".tmp"
        torch.save(snapshot, temporary)
        os.replace(temporary, self.snapshot_path)
        print(f"Epoch {epoch} | snapshot saved at {self.snapshot_path}")

    def train(self, max_epochs):
        for epoch in range(self.epochs_run, max_epochs):
            self._run_epoch(epoch)
            if self.global_rank == 0 and epoch % self.save_every == 0:
                self._save_snapshot(epoch)


def prepare_dataloader(dataset: Dataset, batch_size: int):
    return DataLoader(
        dataset, batch_size=batch_size, pin_memory=True, shuffle=False, sampler=DistributedSampler(dataset)
    )


def main(dataset, model, total_epochs, save_every, batch_size):
    init_process_group(backend="nccl")
    torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    train_data = prepare_dataloader(dataset, batch_size)
    trainer = Trainer(model, train_data, optimizer, save_every, "snapshot.pt")
    trainer.train(total_epochs)
    destroy_process_group()
'''

IMAGENET = '''\
"""Train and validate in the manner of the ImageNet example."""

import shutil
import time

import torch
import torch.nn as nn
import torch.utils.data
import torchvision.models as models
from torch.optim.lr_scheduler import StepLR


class AverageMeter:
    def __init__(self, name):
        self.name = name
        self.reset()

    def reset(self):
        self.sum = 0.0
        self.count = 0

    def update(self, value, n=1):
        self.sum += value * n
        self.count += n

    @property
    def avg(self):
        return self.sum / max(self.count, 1)


def accuracy(output, target):
    with torch.no_grad():
        return (output.argmax(1) == target).float().mean()


def train(train_loader, model, criterion, optimizer, epoch, device, args):
    losses = AverageMeter("Loss")
    model.train()
    end = time.time()
    for i, (images, target) in enumerate(train_loader):
        images = images.to(device, non_blocking=True)
        target = target.to(device, non_blocking=True)
        output = model(images)
        loss = criterion(output, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if i % args.print_freq == 0:
            losses.update(loss.item(), images.size(0))
            print(f"[{epoch}][{i}/{len(train_loader)}] {losses.avg:.3f} {time.time() - end:.2f} s")


def validate(val_loader, model, criterion, device, args):
    losses = AverageMeter("Loss")
    top1 = AverageMeter("Acc@1")

    def run_validate(loader):
        with torch.no_grad():
            for images, target in loader:
                images = images.to(device, non_blocking=True)
                target = target.to(device, non_blocking=True)
                output = model(images)
                loss = criterion(output, target)
                losses.update(loss.item(), images.size(0))
                top1.update(accuracy(output, target).item(), images.size(0))

    model.eval()
    run_validate(val_loader)
    print(f"* Acc@1 {top1.avg:.3f} loss {losses.avg:.3f}")
    return top1.avg


def save_checkpoint(state, is_best, epoch):
    filename = f"checkpoint_{epoch}.pth.tar"
    torch.save(state, filename)
    if is_best:
        shutil.copyfile(filename, "model_best.pth.tar")


def main_worker(train_dataset, val_dataset, args):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = models.__dict__[args.arch]().to(device)
    criterion = nn.CrossEntropyLoss().to(device)
    optimizer = torch.optim.SGD(model.parameters(), args.lr, momentum=args.momentum, weight_decay=args.weight_decay)
    scheduler = StepLR(optimizer, step_size=30, gamma=0.1)
    best_acc1 = 0
    if args.resume:
        checkpoint = torch.load(args.resume, map_location=device, weights_only=True)
        args.start_epoch = checkpoint["epoch"]
        best_acc1 = checkpoint["best_acc1"]
        model.load_state_dict(checkpoint["state_dict"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        scheduler.load_state_dict(checkpoint["scheduler"])
    train_loader = torch.utils.data.DataLoader(
        train_dataset, batch_size=args.batch_size, shuffle=True, num_workers=args.workers, pin_memory=True
    )
    val_loader = torch.utils.data.DataLoader(
        val_dataset, batch_size=args.batch_size, shuffle=False, num_workers=args.workers, pin_memory=True
    )
    if args.evaluate:
        validate(val_loader, model, criterion, device, args)
        return
    for epoch in range(args.start_epoch, args.epochs):
        train(train_loader, model, criterion, optimizer, epoch, device, args)
        acc1 = validate(val_loader, model, criterion, device, args)
        scheduler.step()
        is_best = acc1 > best_acc1
        best_acc1 = max(acc1, best_acc1)
        save_checkpoint(
            {
                "epoch": epoch + 1,
                "arch": args.arch,
                "state_dict": model.state_dict(),
                "best_acc1": best_acc1,
                "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(),
            },
            is_best,
            epoch,
        )
'''

WRITER = '''\
"""Fashion-MNIST with TensorBoard, in the manner of the introductory videos."""

from datetime import datetime

import torch
import torchvision
from torch.utils.tensorboard import SummaryWriter

training_set = torchvision.datasets.FashionMNIST("./data", train=True, download=True)
validation_set = torchvision.datasets.FashionMNIST("./data", train=False, download=True)
training_loader = torch.utils.data.DataLoader(training_set, batch_size=4, shuffle=True)
validation_loader = torch.utils.data.DataLoader(validation_set, batch_size=4, shuffle=False)


class GarmentClassifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 120), torch.nn.ReLU())
        self.head = torch.nn.Linear(120, 10)

    def forward(self, x):
        return self.head(self.body(x))


device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
model = GarmentClassifier().to(device)
loss_fn = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)


def train_one_epoch(epoch_index, tb_writer):
    running_loss = 0.0
    last_loss = 0.0
    for i, data in enumerate(training_loader):
        inputs, labels = data
        inputs, labels = inputs.to(device), labels.to(device)
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = loss_fn(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.detach()
        if i % 1000 == 999:
            last_loss = (running_loss / 1000).item()
            tb_x = epoch_index * len(training_loader) + i + 1
            tb_writer.add_scalar("Loss/train", last_loss, tb_x)
            running_loss = 0.0
    return last_loss


timestamp = datetime.now().strftime("%Y%m%d_%H%M%S")
writer = SummaryWriter(f"runs/fashion_{timestamp}")
best_vloss = 1_000_000.0

for epoch in range(5):
    model.train(True)
    avg_loss = train_one_epoch(epoch, writer)

    running_vloss = 0.0
    seen = 0
    model.eval()
    with torch.no_grad():
        for i, vdata in enumerate(validation_loader):
            vinputs, vlabels = vdata
            vinputs, vlabels = vinputs.to(device), vlabels.to(device)
            voutputs = model(vinputs)
            vloss = loss_fn(voutputs, vlabels)
            running_vloss += vloss * len(vlabels)
            seen += len(vlabels)

    avg_vloss = running_vloss / seen
    print(f"LOSS train {avg_loss} valid {avg_vloss}")
    writer.add_scalars("Training vs. Validation Loss", {"Training": avg_loss, "Validation": avg_vloss}, epoch + 1)
    if avg_vloss < best_vloss:
        best_vloss = avg_vloss
        torch.save(model.state_dict(), f"model_{timestamp}_{epoch}")
'''

CONTRASTIVE = '''\
"""Momentum contrast: a query encoder is trained, a key encoder follows it."""

import copy

import torch
import torch.nn.functional as F
from torch import nn, optim


class MoCo(nn.Module):
    def __init__(self, encoder, dim=128, queue=4096, momentum=0.999, temperature=0.07):
        super().__init__()
        self.encoder_q = encoder
        self.encoder_k = copy.deepcopy(encoder)
        for p in self.encoder_k.parameters():
            p.requires_grad = False
        self.momentum = momentum
        self.temperature = temperature
        self.register_buffer("queue", F.normalize(torch.randn(dim, queue), dim=0))
        self.register_buffer("pointer", torch.zeros(1, dtype=torch.long))

    @torch.no_grad()
    def follow(self):
        for q, k in zip(self.encoder_q.parameters(), self.encoder_k.parameters()):
            k.mul_(self.momentum).add_(q, alpha=1 - self.momentum)

    def forward(self, im_q, im_k):
        q = F.normalize(self.encoder_q(im_q), dim=1)
        with torch.no_grad():
            self.follow()
            k = F.normalize(self.encoder_k(im_k), dim=1)
        positive = (q * k).sum(1, keepdim=True)
        negative = q @ self.queue.clone().detach()
        logits = torch.cat([positive, negative], dim=1) / self.temperature
        labels = torch.zeros(logits.shape[0], dtype=torch.long, device=logits.device)
        return logits, labels, k


def pretrain(moco, train_loader, hp, device, logger):
    crit = nn.CrossEntropyLoss()
    opt = optim.SGD(moco.parameters(), hp.lr, momentum=0.9, weight_decay=1e-4)
    sched = optim.lr_scheduler.CosineAnnealingLR(opt, T_max=hp.epochs)
    gs = torch.amp.GradScaler("cuda", enabled=hp.amp)
    for ep in range(hp.epochs):
        moco.train()
        for it, ((view_a, view_b), _) in enumerate(train_loader):
            view_a = view_a.to(device, non_blocking=True)
            view_b = view_b.to(device, non_blocking=True)
            with torch.autocast("cuda", enabled=hp.amp):
                logits, labels, keys = moco(view_a, view_b)
                loss = crit(logits, labels)
            opt.zero_grad(set_to_none=True)
            gs.scale(loss).backward()
            gs.step(opt)
            gs.update()
            if it % hp.log_every == 0:
                logger.info("epoch %d it %d loss %.4f", ep, it, loss.item())
        sched.step()


def linear_probe(encoder, probe, loaders, hp, device):
    encoder.eval()
    lossf = nn.CrossEntropyLoss()
    opt = optim.LBFGS(probe.parameters(), lr=1.0, max_iter=20)
    for ep in range(hp.probe_epochs):
        for x, y in loaders["train"]:
            with torch.no_grad():
                h = encoder(x.to(device))
            y = y.to(device)

            def closure():
                opt.zero_grad()
                objective = lossf(probe(h), y)
                objective.backward()
                return objective

            opt.step(closure)
    right, seen = 0, 0
    probe.eval()
    with torch.inference_mode():
        for x, y in loaders["test"]:
            right += (probe(encoder(x.to(device))).argmax(1) == y.to(device)).sum().item()
            seen += y.numel()
    return right / seen
'''
