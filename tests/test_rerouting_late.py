"""Libraries that are imported within a block are rerouted, and none is imported for it."""

import subprocess
import sys

from scripted import http, scripted

LATE = """
import sys
from mockling.emulator.rerouting import LiveCallError, Rerouting
assert not {"urllib3", "httpcore", "httpx", "aiohttp", "requests"} & set(sys.modules)
with Rerouting(sys.argv[1], ["https://api.segmind.com"]):
    assert not {"urllib3", "httpcore", "httpx", "aiohttp", "requests"} & set(sys.modules)
    import asyncio, aiohttp, httpx, requests
    finders = len(sys.meta_path)
    assert requests.get("https://api.segmind.com/1", timeout=30).text == "1"
    assert httpx.get("https://api.segmind.com/2", timeout=30).text == "2"
    async def ask():
        async with aiohttp.ClientSession() as session, session.get("https://api.segmind.com/3") as response:
            return await response.text()
    assert asyncio.run(ask()) == "3"
assert len(sys.meta_path) == finders - 1
for module in (aiohttp, requests.packages.urllib3):
    assert type(module.__spec__.loader).__module__ == type(module.__loader__).__module__ == "_frozen_importlib_external"
try:
    requests.get("https://api.segmind.com", timeout=30)
except requests.ConnectionError as error:
    print(error)
"""


def test_a_library_that_is_imported_within_the_block_is_rerouted() -> None:
    """Entering imports no library; one that comes later is rerouted in the block, and not after it."""
    with scripted(*(http(200, sign) for sign in (b"1", b"2", b"3"))) as server:
        program = [sys.executable, "-W", "error", "-c", LATE, server.url]
        done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert ("stay on loopback" in done.stdout, done.stderr) == (True, "")


def test_a_library_imported_after_the_block_is_left_alone() -> None:
    """A block that is over has no effect on what is imported then."""
    program = (
        "import sys; from mockling.emulator.rerouting import Rerouting\n"
        "before = list(sys.meta_path)\n"
        "with Rerouting('http://127.0.0.1:9', ['https://api.segmind.com']): pass\n"
        "assert sys.meta_path == before\n"
        "import urllib3; print(urllib3.HTTPConnectionPool.urlopen.__module__, 'aiohttp' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "urllib3.connectionpool False\n"


def test_an_import_that_ends_after_the_block_is_left_alone() -> None:
    """A library that was found in the block, but loaded when that was over, is not replaced."""
    program = (
        "from importlib.util import find_spec, module_from_spec; import sys\n"
        "from mockling.emulator.rerouting import Rerouting\n"
        "with Rerouting('http://127.0.0.1:9', ['https://api.segmind.com']): spec = find_spec('urllib3')\n"
        "sys.modules['urllib3'] = module = module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "print(hasattr(module.HTTPConnectionPool.urlopen, '__wrapped__'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
