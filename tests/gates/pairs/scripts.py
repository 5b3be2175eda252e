"""Training code that is right, as people write it: scripts and functions. The pairs take one passage of it apart."""

CLASSIFIER = '''\
"""Train a small convolutional net on CIFAR-10."""

import argparse
import os

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader
from torchvision import datasets, transforms


class Net(nn.Module):
    def __init__(self, num_classes=10, dropout=0.25):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.bn = nn.BatchNorm2d(64)
        self.drop = nn.Dropout(dropout)
        self.fc = nn.Linear(64 * 8 * 8, num_classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.bn(self.conv2(x))), 2)
        x = self.drop(torch.flatten(x, 1))
        return self.fc(x)


def train_one_epoch(model, device, train_loader, optimizer, epoch, log_interval):
    model.train()
    running = torch.zeros((), device=device)
    for batch_idx, (data, target) in enumerate(train_loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        output = model(data)
        loss = F.cross_entropy(output, target)
        loss.backward()
        optimizer.step()
        running += loss.detach()
        if batch_idx % log_interval == 0:
            print(f"epoch {epoch} [{batch_idx}/{len(train_loader)}] loss {loss.item():.4f}")
    return (running / len(train_loader)).item()


def test(model, device, test_loader):
    model.eval()
    test_loss = 0.0
    correct = 0
    with torch.no_grad():
        for data, target in test_loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            test_loss += F.cross_entropy(output, target, reduction="sum").item()
            correct += (output.argmax(dim=1) == target).sum().item()
    test_loss /= len(test_loader.dataset)
    print(f"test loss {test_loss:.4f}, accuracy {correct / len(test_loader.dataset):.2%}")
    return test_loss


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--resume", default="checkpoint.pt")
    args = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    tf = transforms.ToTensor()
    train_set = datasets.CIFAR10("data", train=True, transform=tf, download=True)
    test_set = datasets.CIFAR10("data", train=False, transform=tf)
    train_loader = DataLoader(train_set, batch_size=128, shuffle=True, num_workers=2)
    test_loader = DataLoader(test_set, batch_size=256, shuffle=False, num_workers=2)
    model = Net().to(device)
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    scheduler = optim.lr_scheduler.MultiStepLR(optimizer, milestones=[10, 15], gamma=0.1)
    start_epoch = 0
    if os.path.exists(args.resume):
        checkpoint = torch.load(args.resume, map_location=device, weights_only=True)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        scheduler.load_state_dict(checkpoint["scheduler"])
        start_epoch = checkpoint["epoch"] + 1
    for epoch in range(start_epoch, args.epochs):
        train_one_epoch(model, device, train_loader, optimizer, epoch, log_interval=100)
        test(model, device, test_loader)
        scheduler.step()
        state = {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "epoch": epoch,
        }
        torch.save(state, args.resume + ".tmp")
        os.replace(args.resume + ".tmp", args.resume)


if __name__ == "__main__":
    main()
'''

AMP = '''\
"""Mixed-precision training of a segmentation network with gradient accumulation."""

from dataclasses import dataclass

import torch
from torch import nn
from tqdm import tqdm


@dataclass
class Settings:
    epochs: int = 40
    accumulation: int = 4
    max_norm: float = 1.0


def dice(logits, mask, eps=1.0):
    p = torch.sigmoid(logits).flatten(1)
    m = mask.flatten(1)
    return 1 - ((2 * (p * m).sum(1) + eps) / (p.sum(1) + m.sum(1) + eps)).mean()


class Objective(nn.Module):
    def __init__(self, weight=0.5):
        super().__init__()
        self.bce = nn.BCEWithLogitsLoss()
        self.weight = weight

    def forward(self, logits, mask):
        return self.weight * self.bce(logits, mask) + (1 - self.weight) * dice(logits, mask)


def fit(unet, train_dl, val_dl, settings, device):
    criterion = Objective()
    opt = torch.optim.AdamW(unet.parameters(), lr=3e-4)
    scaler = torch.amp.GradScaler(device.type)
    sched = torch.optim.lr_scheduler.OneCycleLR(
        opt, max_lr=3e-4, epochs=settings.epochs, steps_per_epoch=len(train_dl) // settings.accumulation + 1
    )
    history = []
    for epoch in range(settings.epochs):
        unet.train()
        opt.zero_grad(set_to_none=True)
        seen = []
        for i, batch in enumerate(tqdm(train_dl, desc=f"epoch {epoch}")):
            image = batch["image"].to(device, non_blocking=True)
            mask = batch["mask"].to(device, non_blocking=True)
            with torch.autocast(device_type=device.type, dtype=torch.float16):
                logits = unet(image)
                loss = criterion(logits, mask) / settings.accumulation
            scaler.scale(loss).backward()
            seen.append(loss.detach())
            if (i + 1) % settings.accumulation == 0 or i + 1 == len(train_dl):
                scaler.unscale_(opt)
                torch.nn.utils.clip_grad_norm_(unet.parameters(), settings.max_norm)
                scaler.step(opt)
                scaler.update()
                opt.zero_grad(set_to_none=True)
                sched.step()
        score = evaluate(unet, val_dl, device)
        history.append({"loss": torch.stack(seen).sum().item(), "dice": score})
    return history


@torch.inference_mode()
def evaluate(unet, val_dl, device):
    unet.eval()
    total, count = 0.0, 0
    for batch in val_dl:
        logits = unet(batch["image"].to(device))
        mask = batch["mask"].to(device)
        total += (1 - dice(logits, mask)).item() * mask.shape[0]
        count += mask.shape[0]
    return total / max(count, 1)
'''

FLAT = """\
# Predict house prices with a small MLP.
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(0)
device = "cuda" if torch.cuda.is_available() else "cpu"

raw = np.loadtxt("houses.csv", delimiter=",", skiprows=1, dtype=np.float32)
features = torch.from_numpy(raw[:, :-1])
prices = torch.from_numpy(raw[:, -1:])
train_data, val_data = random_split(TensorDataset(features, prices), [0.8, 0.2])
train_loader = DataLoader(train_data, batch_size=64, shuffle=True)
val_loader = DataLoader(val_data, batch_size=256)

net = nn.Sequential(
    nn.Linear(features.shape[1], 64),
    nn.ReLU(),
    nn.Dropout(0.1),
    nn.Linear(64, 1),
).to(device)
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=5)

best = float("inf")
for epoch in range(100):
    net.train()
    train_loss = 0.0
    for x, y in train_loader:
        x = x.to(device)
        y = y.to(device)
        prediction = net(x)
        loss = loss_fn(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        train_loss += loss.detach() * len(x)

    net.eval()
    val_loss = 0.0
    with torch.no_grad():
        for x, y in val_loader:
            x = x.to(device)
            y = y.to(device)
            val_loss += loss_fn(net(x), y).item() * len(x)
    val_loss /= len(val_data)
    plateau.step(val_loss)
    print(f"{epoch:3d} train {float(train_loss) / len(train_data):.4f} val {val_loss:.4f}")
    if val_loss < best:
        best = val_loss
        torch.save(net.state_dict(), "best.pt")

net.load_state_dict(torch.load("best.pt", map_location=device, weights_only=True))
net.eval()
"""

FINETUNE = '''\
"""Fine-tune a pretrained ResNet on a folder of images."""

import copy
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, models, transforms

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def make_loaders(root, batch_size):
    train_tf = transforms.Compose(
        [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    )
    val_tf = transforms.Compose(
        [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    )
    image_datasets = {
        "train": datasets.ImageFolder(f"{root}/train", train_tf),
        "val": datasets.ImageFolder(f"{root}/val", val_tf),
    }
    return {
        "train": DataLoader(image_datasets["train"], batch_size=batch_size, shuffle=True, num_workers=4),
        "val": DataLoader(image_datasets["val"], batch_size=batch_size, num_workers=4),
    }


def build(num_classes, device):
    model_ft = models.resnet18(weights="IMAGENET1K_V1")
    model_ft.fc = nn.Linear(model_ft.fc.in_features, num_classes)
    model_ft = model_ft.to(device)
    optimizer_ft = torch.optim.SGD(model_ft.parameters(), lr=0.001, momentum=0.9)
    return model_ft, optimizer_ft


def train_model(model, dataloaders, optimizer, scheduler, device, num_epochs=25):
    since = time.time()
    best_weights = copy.deepcopy(model.state_dict())
    best_acc = 0.0
    for epoch in range(num_epochs):
        for phase in ["train", "val"]:
            if phase == "train":
                model.train()
            else:
                model.eval()
            running_loss = torch.zeros((), device=device)
            running_corrects = torch.zeros((), device=device)
            count = 0
            for inputs, labels in dataloaders[phase]:
                inputs = inputs.to(device)
                labels = labels.to(device)
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    loss = F.cross_entropy(outputs, labels, label_smoothing=0.1)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                running_loss += loss.detach() * inputs.size(0)
                running_corrects += torch.sum(outputs.argmax(1) == labels)
                count += inputs.size(0)
            if phase == "train":
                scheduler.step()
            epoch_acc = running_corrects.item() / count
            print(f"{phase} loss {running_loss.item() / count:.4f} acc {epoch_acc:.4f}")
            if phase == "val" and epoch_acc > best_acc:
                best_acc = epoch_acc
                best_weights = copy.deepcopy(model.state_dict())
    print(f"done in {time.time() - since:.0f} s")
    model.load_state_dict(best_weights)
    return model


if __name__ == "__main__":
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    loaders = make_loaders("hymenoptera", 32)
    model, optimizer = build(2, device)
    step_lr = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.1)
    train_model(model, loaders, optimizer, step_lr, device)
'''

DDP = '''\
"""Data-parallel training with torchrun."""

import os

import numpy as np
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.distributed import DistributedSampler


class Windows(Dataset):
    def __init__(self, path, length=256):
        self.series = np.load(path).astype(np.float32)
        self.length = length

    def __len__(self):
        return len(self.series) - self.length - 1

    def __getitem__(self, index):
        window = self.series[index : index + self.length]
        noise = np.random.normal(scale=0.01, size=self.length).astype(np.float32)
        return torch.from_numpy(window + noise), torch.tensor(self.series[index + self.length])


def init_worker(worker_id):
    np.random.seed((torch.initial_seed() + worker_id) % 2**32)


class Forecaster(nn.Module):
    def __init__(self, length=256, width=128, depth=3):
        super().__init__()
        self.inp = nn.Linear(length, width)
        self.blocks = nn.ModuleList([nn.Linear(width, width) for _ in range(depth)])
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        h = torch.relu(self.inp(x))
        for block in self.blocks:
            h = h + torch.relu(block(h))
        return self.out(h).squeeze(-1)


def run(epochs=10):
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    rank = dist.get_rank()
    local = int(os.environ["LOCAL_RANK"])
    device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    data = Windows("series.npy")
    train_sampler = DistributedSampler(data, shuffle=True)
    train_loader = DataLoader(
        data, batch_size=64, sampler=train_sampler, num_workers=4, worker_init_fn=init_worker, pin_memory=True
    )
    model = DDP(Forecaster().to(device))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=500)
    for epoch in range(epochs):
        train_sampler.set_epoch(epoch)
        model.train()
        total = torch.zeros((), device=device)
        for windows, target in train_loader:
            windows = windows.to(device, non_blocking=True)
            target = target.to(device, non_blocking=True)
            optimizer.zero_grad(set_to_none=True)
            loss = nn.functional.smooth_l1_loss(model(windows), target)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            warmup.step()
            total += loss.detach()
        dist.all_reduce(total)
        if rank == 0:
            print(epoch, total.item() / len(train_loader) / dist.get_world_size())
            torch.save(model.module.state_dict(), f"forecaster_{epoch:03d}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    run()
'''

GPT = '''\
"""Pretrain a character-level language model, in the manner of nanoGPT."""

import math
import os

import numpy as np
import torch
from torch.nn import functional as F

from model import GPT, GPTConfig

out_dir = "out"
eval_interval = 250
max_iters = 5000
gradient_accumulation_steps = 8
batch_size, block_size = 16, 256
learning_rate, min_lr, warmup_iters = 6e-4, 6e-5, 100
grad_clip = 1.0
device = "cuda" if torch.cuda.is_available() else "cpu"

data = {split: np.memmap(f"{split}.bin", dtype=np.uint16, mode="r") for split in ("train", "val")}


def get_batch(split):
    d = data[split]
    ix = np.random.randint(0, len(d) - block_size, size=batch_size)
    x = torch.stack([torch.from_numpy(d[i : i + block_size].astype(np.int64)) for i in ix])
    y = torch.stack([torch.from_numpy(d[i + 1 : i + 1 + block_size].astype(np.int64)) for i in ix])
    return x.to(device), y.to(device)


@torch.no_grad()
def estimate_loss(model, batches=50):
    model.eval()
    out = {}
    for split in ("train", "val"):
        losses = torch.zeros(batches)
        for k in range(batches):
            x, y = get_batch(split)
            logits = model(x)
            losses[k] = F.cross_entropy(logits.flatten(0, 1), y.flatten())
        out[split] = losses.mean().item()
    model.train()
    return out


def get_lr(it):
    if it < warmup_iters:
        return learning_rate * (it + 1) / warmup_iters
    ratio = (it - warmup_iters) / (max_iters - warmup_iters)
    return min_lr + 0.5 * (1.0 + math.cos(math.pi * ratio)) * (learning_rate - min_lr)


model = GPT(GPTConfig(block_size=block_size)).to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, betas=(0.9, 0.95), weight_decay=0.1)
iter_num = 0
best_val = 1e9
checkpoint_path = os.path.join(out_dir, "ckpt.pt")
if os.path.exists(checkpoint_path):
    state = torch.load(checkpoint_path, map_location=device, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    iter_num = state["iter_num"]

while iter_num < max_iters:
    lr = get_lr(iter_num)
    for group in optimizer.param_groups:
        group["lr"] = lr
    if iter_num % eval_interval == 0:
        losses = estimate_loss(model)
        print(f"step {iter_num}: train {losses['train']:.4f}, val {losses['val']:.4f}")
        if losses["val"] < best_val:
            best_val = losses["val"]
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "iter_num": iter_num}
            torch.save(state, checkpoint_path + ".part")
            os.replace(checkpoint_path + ".part", checkpoint_path)
    for micro_step in range(gradient_accumulation_steps):
        x, y = get_batch("train")
        logits = model(x)
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten()) / gradient_accumulation_steps
        loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if iter_num % 10 == 0:
        print(f"iter {iter_num}: loss {loss.item() * gradient_accumulation_steps:.4f}")
    iter_num += 1
'''

GAN = '''\
"""DCGAN on 64x64 faces."""

import torch
import torch.nn as nn
from torch.utils.data import DataLoader
from torchvision.utils import save_image


def weights_init(m):
    if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(m.weight, 0.0, 0.02)


class Generator(nn.Module):
    def __init__(self, nz=100, ngf=64):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(nz, ngf * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 8),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 8, 3, 4, 2, 1, bias=False),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.main(z)


class Discriminator(nn.Module):
    def __init__(self, ndf=64):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, 1, 4, 1, 0, bias=False),
        )

    def forward(self, image):
        return self.main(image).flatten(1).mean(1)


def train(dataset, device, epochs=25, nz=100):
    dataloader = DataLoader(dataset, batch_size=128, shuffle=True, num_workers=2)
    netG = Generator(nz).to(device)
    netD = Discriminator().to(device)
    netG.apply(weights_init)
    netD.apply(weights_init)
    criterion = nn.BCEWithLogitsLoss()
    optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizerG = torch.optim.Adam(netG.parameters(), lr=2e-4, betas=(0.5, 0.999))
    fixed_noise = torch.randn(64, nz, 1, 1, device=device)
    g_losses = []
    for epoch in range(epochs):
        for i, (real, _) in enumerate(dataloader):
            real = real.to(device)
            b = real.size(0)
            # discriminator: real up, fake down
            optimizerD.zero_grad()
            errD_real = criterion(netD(real), torch.ones(b, device=device))
            errD_real.backward()
            noise = torch.randn(b, nz, 1, 1, device=device)
            fake = netG(noise)
            errD_fake = criterion(netD(fake.detach()), torch.zeros(b, device=device))
            errD_fake.backward()
            optimizerD.step()
            # generator
            optimizerG.zero_grad()
            errG = criterion(netD(fake), torch.ones(b, device=device))
            errG.backward()
            optimizerG.step()
            g_losses.append(errG.detach())
            if i % 50 == 0:
                print(f"[{epoch}/{epochs}][{i}] D {(errD_real + errD_fake).item():.3f} G {errG.item():.3f}")
        with torch.no_grad():
            save_image(netG(fixed_noise), f"fake_{epoch:03d}.png", normalize=True)
    torch.save({"generator": netG.state_dict(), "discriminator": netD.state_dict()}, "dcgan.pt")
    return torch.stack(g_losses).cpu()
'''
