"""Hostile HTTP: requests whose heads, framing or order no honest client sends."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from .odd import FRAMINGS, METHODS, PROMISES, TARGETS, V1, V2, VERSIONS

KEY = b"SG_00000000beef00aa"  # its money is not counted, for not every answer to it is read


class Volley(NamedTuple):
    """Bytes for a connection of their own: how many `requests` they are, and how many `answers` must come, or an end.

    No answers: the emulator may wait for more.
    """

    data: bytes
    requests: int = 1
    answers: int = 1


def plain(random: Random) -> bytes:
    """Return a request in good order."""
    body = b'{"prompt": "a", "video_url": "https://e.com/a.mp4", "mode": "std", "duration": "3"}'
    head = b"host: 127.0.0.1\r\nx-api-key: " + KEY
    sized = b"\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    return random.choice(
        [
            b"POST " + V1 + b" HTTP/1.1\r\n" + head + sized + body,
            b"POST " + V2 + b" HTTP/1.1\r\n" + head + sized + body,
            b"GET /v1/get-user-credits HTTP/1.1\r\n" + head + b"\r\n\r\n",
            b"GET /v2/requests/00000000-0000-0000-0000-000000000000/status HTTP/1.1\r\n" + head + b"\r\n\r\n",
            b"OPTIONS " + V1 + b" HTTP/1.1\r\n" + head + b"\r\n\r\n",
            b"GET /generations/a.mp4 HTTP/1.1\r\n" + head + b"\r\n\r\n",
        ]
    )


def junk(random: Random, longest: int = 400) -> bytes:
    """Return random bytes."""
    return random.randbytes(random.randrange(longest))


def mutated(random: Random) -> Volley:
    """A request of which some bytes were changed, taken out, put in or doubled."""
    data = bytearray(plain(random))
    for _ in range(random.randint(1, 6)):
        at = random.randrange(len(data))
        match random.randrange(4):
            case 0:
                data[at] = random.choice(b"\0\r\n\t :;,%/?#\x7f\x80\xff0A") if random.random() < 0.7 else data[at] ^ 1
            case 1:
                del data[at : at + random.randint(1, 9)]
            case 2:
                data[at:at] = random.choice([b"\r\n", b"\n", b"\0", b" ", b": ", b"\r\n\t", junk(random, 9)])
            case 3:
                data[at:at] = data[at : at + random.randint(1, 40)]
        data = data or bytearray(b"\n")
    return Volley(bytes(data), answers=0)


def truncated(random: Random) -> Volley:
    """A beginning of one or two requests."""
    data = plain(random) + plain(random)
    return Volley(data[: random.randrange(len(data))], requests=2, answers=0)


def lines(random: Random) -> Volley:
    """A request whose header lines were doubled, dropped, swapped, folded, or end in another way."""
    head, _, body = plain(random).partition(b"\r\n\r\n")
    found = head.split(b"\r\n")
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(found))
        match random.randrange(6):
            case 0:
                found.insert(at, random.choice(found))
            case 1 if len(found) > 1:
                del found[at]
            case 2:
                random.shuffle(found)
            case 3:
                found[at] += random.choice([b"\r\n folded", b"\r\n\tfolded", b"\0", b" ", b"\x0b", b"\r"])
            case 4:
                found[at] = found[at].replace(b":", random.choice([b" :", b"", b"\t:", b"::", b";"]), 1)
            case 5:
                found.insert(
                    at, random.choice([b": a", b"a", b"\xff: \xff", b"x_api_key: " + KEY, b"host: a b", b" x: y"])
                )
    end = random.choice([b"\r\n", b"\n", b"\r\n", b"\r"])
    return Volley(end.join(found) + end * 2 + body, answers=0)


def oversized(random: Random) -> Volley:
    """A head that is too long: its target, its query, a name, a value, or the number of its lines."""
    size = random.choice([1000, 9000, 40_000, 66_000, 300_000])
    long = random.choice([b"a", b"%41", b"/", b"\xe9", b"&a=", b"=", b"a=b&", b" ", b'"a",', b";"]) * size
    long, name = long[:size], b"x-%d-" % random.randrange(10**6)
    header = random.choice([b"x-api-key", b"cookie", b"if-none-match", b"content-type", b"range", name])
    line = random.choice([b"GET / ", b"GET /generations/a.mp4 ", b"POST " + V1 + b" "]) + b"HTTP/1.1\r\nhost: a\r\n"
    match random.randrange(6):
        case 0:
            return Volley(b"GET /" + long + b" HTTP/1.1\r\nhost: a\r\n\r\n", answers=0)
        case 1:
            return Volley(b"GET /?" + long.replace(b" ", b"+") + b" HTTP/1.1\r\nhost: a\r\n\r\n", answers=0)
        case 2:
            return Volley(line + name + b"a" * size + b": b\r\n\r\n")
        case 3:
            return Volley(line + header + b": " + name + long + b"\r\n\r\n")
        case 4:
            return Volley(line + b"".join(b"%s%d: b\r\n" % (name, n) for n in range(size // 30)) + b"\r\n")
    return Volley(long + b" / HTTP/1.1\r\nhost: a\r\n\r\n", answers=0)


def smuggling(random: Random) -> Volley:
    """A body of doubtful length, behind which another request hides."""
    first = b"POST " + random.choice([V1, V2, b"/upload-asset", b"/"]) + b" HTTP/1.1\r\nhost: a\r\nx-api-key: " + KEY
    kind = b"\r\ncontent-type: application/json\r\n"
    body = random.choice([b"0\r\n\r\n", b"5\r\n{}   \r\n0\r\n\r\n", b"{}   ", b""])
    return Volley(first + kind + random.choice(FRAMINGS) + b"\r\n\r\n" + body + plain(random), requests=2, answers=0)


def chunked(random: Random) -> Volley:
    """A body in chunks of odd sizes, with extensions and trailers."""
    body = b'{"prompt": "a", "video_url": "https://e.com/a.mp4"}'
    size = random.choice(
        [b"%x", b"%X", b"000000%x", b"%x ", b"%x;a=b", b'%x;a="\r\n"', b"%x;" + b"e" * 20_000, b"0x%x", b"-%x"]
    )
    parts = [body[start : start + 7] for start in range(0, len(body), 7)] if random.random() < 0.5 else [body]
    chunks = b"".join(size % len(part) + b"\r\n" + part + random.choice([b"\r\n"] * 9 + [b"\n", b""]) for part in parts)
    wrong = random.choice([b""] * 3 + [b"ffffffffffffffff\r\n", b"g\r\n", b"7fffffffffffffff\r\na", b"\r\n"])
    trailer = random.choice([b"", b"", b"x-api-key: a\r\n", b"content-length: 3\r\n", b"a: b\r\n" * 500, b"\0\r\n"])
    head = b"POST " + random.choice([V1, V2, b"/none"]) + b" HTTP/1.1\r\nhost: a\r\nx-api-key: " + KEY
    sent = head + b"\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
    return Volley(sent + chunks + wrong + b"0\r\n" + trailer + b"\r\n", answers=0)


def pipelined(random: Random) -> Volley:
    """Many requests in one go."""
    count = random.choice([2, 5, 20, 100])
    return Volley(b"".join(plain(random) for _ in range(count)), requests=count)


def interrupted(random: Random) -> Volley:
    """Whole requests, and one that breaks off."""
    count, half = random.randrange(3), plain(random)
    data = b"".join(plain(random) for _ in range(count)) + half[: random.randrange(1, len(half))]
    return Volley(data, requests=count + 1, answers=0)


def binary(random: Random) -> Volley:
    """What is no HTTP: noise, or another protocol."""
    return Volley(
        random.choice(
            [
                junk(random),
                b"\0" * random.randrange(2000),
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + junk(random),
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + junk(random),
                b"SSH-2.0-OpenSSH_9.6\r\n",
                b"GET /\r\n",
                b"\r\n" * random.randrange(1, 3000),
                b"*1\r\n$4\r\nPING\r\n",
                b"\x05\x01\x00",
                b"PROXY TCP4 1.2.3.4 1.2.3.4 5 6\r\n" + plain(random),
            ]
        ),
        answers=0,
    )


def odd(random: Random) -> Volley:
    """An odd method, target or version."""
    line = [random.choice(METHODS), random.choice(TARGETS), random.choice(VERSIONS)]
    return Volley(b" ".join(line) + b"\r\nhost: a\r\nx-api-key: " + KEY + b"\r\n\r\n", answers=0)


def promising(random: Random) -> Volley:
    """A request that wants more of the connection than an answer: another protocol, or leave to go on."""
    first, _, rest = plain(random).partition(b"\r\n")
    return Volley(first + b"\r\n" + random.choice(PROMISES) + b"\r\n" + rest)


SHAPES: list[Callable[[Random], Volley]] = [
    *[mutated] * 3,
    *[lines, smuggling, odd] * 2,
    truncated,
    oversized,
    chunked,
    pipelined,
    interrupted,
    binary,
    promising,
]


def volley(random: Random) -> Volley:
    """Return one of all these, now and then followed by noise or by its own beginning."""
    made = random.choice(SHAPES)(random)
    if random.random() < 0.05:
        return Volley(made.data + random.choice([junk(random), made.data[:50]]), made.requests, 0)
    return made
