"""Cuts off downloads that a constructor begins: nothing is fetched here, and what would have been is named."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class DownloadCutOff(OSError):
    """User code began a download; an ``OSError`` because that is what code which can do without one catches.

    Attributes:
        source: the address, the host, or the name at a hub.
    """

    def __init__(self, source: str) -> None:
        super().__init__(f"download cut off: {source}")
        self.source = source


@contextlib.contextmanager
def cut_off() -> Iterator[list[str]]:
    """While it lasts every download ends in `DownloadCutOff`; gives the list of those that were tried.

    Sockets are closed for the whole process (name look-up and connect), so any library's download ends; the loaders that
    user code calls by name are cut off first, because they know the address.
    """
    tried: list[str] = []

    def refuse(source: str) -> NoReturn:
        tried.append(source)
        raise DownloadCutOff(source)

    def by_first(*arguments: Any, **keywords: Any) -> NoReturn:
        named = [*arguments, *keywords.values()]
        refuse(str(next((each for each in named if isinstance(each, str)), "an address")))

    def request(_self: Any, _method: str, url: Any, *_arguments: Any, **_keywords: Any) -> NoReturn:
        refuse(str(url))

    def connect(_self: Any, address: Any) -> NoReturn:
        refuse(str(address[0] if isinstance(address, tuple) else address))

    places: list[tuple[Any, str, Callable[..., NoReturn]]] = [
        (torch.hub, "load_state_dict_from_url", by_first),
        (torch.hub, "download_url_to_file", by_first),
        (torch.hub, "load", by_first),
        (socket, "getaddrinfo", by_first),
        (socket.socket, "connect", connect),
    ]
    for module, path, put in (
        ("urllib.request", "urlopen", by_first),
        ("urllib.request", "urlretrieve", by_first),
        ("requests.sessions", "Session.request", request),
        ("huggingface_hub.file_download", "hf_hub_download", by_first),
        ("huggingface_hub", "snapshot_download", by_first),
    ):
        holder: Any = sys.modules.get(module)
        *inner, name = path.split(".")
        for part in inner:
            holder = getattr(holder, part, None)
        if holder is not None and hasattr(holder, name):
            places.append((holder, name, put))
    with contextlib.ExitStack() as stack:
        stack.enter_context(_no_empty_cache())
        for holder, name, put in places:
            _replace(stack, holder, name, put)
        yield tried


@contextlib.contextmanager
def _no_empty_cache() -> Iterator[None]:
    """The folder that torch makes for weights before it fetches any goes again, where there was none and it is empty.

    A module that has imported a loader by its name calls it past what is put in its place, up to the download itself.
    """
    folder = Path(torch.hub.get_dir(), "checkpoints")
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield
    finally:
        for each in made:
            with contextlib.suppress(OSError):
                each.rmdir()


def _replace(stack: contextlib.ExitStack, holder: Any, name: str, put: Callable[..., NoReturn]) -> None:
    own = name in vars(holder)
    original = getattr(holder, name)
    setattr(holder, name, put)
    if own:
        stack.callback(setattr, holder, name, original)
    else:
        stack.callback(delattr, holder, name)
