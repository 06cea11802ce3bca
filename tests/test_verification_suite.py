"""The suite of clauses for pytest: a test for each clause, properties of the client, and a guard over both."""

import subprocess
import sys
from pathlib import Path


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the suite as its users do."""
    command = [sys.executable, "-m", "pytest", "--pyargs", "mockling.contract.suite", "-p", "no:cacheprovider", "-q"]
    import os

    return subprocess.run(
        [*command, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        cwd=Path(__file__).parent.anchor,
    )
