"""What `mockling serve` prints when it listens."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mockling.cli.money import dollars
from mockling.emulator import Emulator
from mockling.emulator.settings import INSTANT, MANUAL, Speed
from mockling.emulator.signs import CONTROL


def ready(emulator: Emulator, ca: Path | None) -> dict[str, Any]:
    """Return what a program that calls an emulator needs; `ca` is the file of its authority's certificate."""
    path = str(ca.absolute()) if ca else None
    return {
        "url": reachable(emulator.url),
        "api_key": emulator.api_key,
        "pid": os.getpid(),
        "ca": path,
        "control_token": emulator.control_token,
    }


def told(emulator: Emulator, ca: Path | None) -> dict[str, Any]:
    """Return the banner for programs."""
    settings, contract = emulator.settings, emulator.contract
    return {
        **ready(emulator, ca),
        "speed": settings.speed,
        "profile": settings.profile,
        "answers": contract.answers,
        "credits": None if settings.accounts else str(settings.credits),
        "requests_per_minute": settings.requests_per_minute,
        "seed": settings.seed,
        "models": list(contract.models),
    }


def banner(emulator: Emulator, ca: Path | None) -> str:
    """Return the banner for people."""
    settings, contract, url = emulator.settings, emulator.contract, reachable(emulator.url)
    answers = ", ".join(f"{dispute} {answer}" for dispute, answer in contract.answers.items())
    typical = contract.model.latency(contract.model.example)
    limit = settings.requests_per_minute or ("as each account's plan says" if settings.accounts else "off")
    if settings.accounts:
        money, other = "as configured", ""
    else:
        money, other = f"{dollars(settings.credits)} for each key", ", or SG_ and any 16 hex digits"
    exposed = not ip_address(str(urlsplit(emulator.url).hostname)).is_loopback
    lines = [
        f"Mockling listens at {url}",
        *(["  WARNING     whoever reaches this machine over the network can use it"] if exposed else []),
        *([f"  authority   {ca} has its certificate, for callers to trust"] if ca else []),
        f"  key         {emulator.api_key}{other}",
        "              (one that ends in 0401, 0403, 0406, 0429, 0500, 0502 or 0504 always meets that error)",
        f"  speed       {_pace(settings.speed, typical)}",
        f"  profile     {settings.profile} ({answers})",
        f"  credits     {money}",
        f"  rate limit  {limit}",
        f"  seed        {settings.seed}",
        f"  control     {url}{CONTROL}/control.json",
        *(
            [f"              needs the header x-mockling-token: {emulator.control_token}"]
            if emulator.control_token
            else []
        ),
        "In your code, change the address and the key:",
        f"  {contract.live_origins[0]}{contract.path('generate')}",
        *(f"  {url}{contract.path('generate', model=slug)}" for slug in contract.models),
        "Stop with Ctrl-C.",
    ]
    return "\n".join(lines)


def _pace(speed: Speed, typical: float) -> str:
    """Return a speed, and what it means for a call that typically takes so many seconds."""
    if speed == INSTANT:
        return f"{speed} (every response at once)"
    if speed == MANUAL:
        return f"{speed} (time passes only where the control API says so)"
    return f"{float(speed):g} ({typical:.0f} s pass in about {typical / float(speed):.1f})"


def reachable(url: str) -> str:
    """Return an address that works on this machine, for one that may stand for all the addresses it has."""
    parts = urlsplit(url)
    host = ip_address(str(parts.hostname))
    if not host.is_unspecified:
        return url
    return f"{parts.scheme}://{'127.0.0.1' if host.version == 4 else '[::1]'}:{parts.port}"
