"""What `DPKMeans.fit` takes beside the same fit from Rust (`benches/peers/fit_array.rs`): seconds, peak memory, and the time of an import.

    cargo build -p tactful --example fit_array          # with the profile of the installed wheel
    python benches/python/fit.py target/debug/examples/fit_array [ROWS COLUMNS K ROUNDS]

Both read the same 1,000,000 x 32 float64 (normal, seeded) and find 8 centres with real noise, paid for from a ledger that is thrown away. They take turns; medians
are compared. Memory is VmHWM of a process of its own, less what the array alone takes (VmRSS before the fit). Linux.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

FIT = """
import sys, time, tempfile, pathlib
import numpy as np, tactful
X = np.load(sys.argv[1])
def kb(key):
    return int(next(l for l in open('/proc/self/status') if l.startswith(key)).split()[1])
before = kb('VmRSS:')
with tempfile.TemporaryDirectory() as folder:
    model = tactful.DPKMeans(int(sys.argv[2]), epsilon=1.0, delta=1e-6, bounds=(-3, 3), ledger=pathlib.Path(folder) / 'ledger',
                             population='bench', epsilon_per_year=2.0, delta_per_year=1e-5)
    start = time.perf_counter()
    model.fit(X)
    print(time.perf_counter() - start, kb('VmHWM:') - before)
"""
IMPORT = "import time; start = time.perf_counter(); import tactful; print(time.perf_counter() - start)"


def python(code: str, *arguments: str) -> list[float]:
    environment = {**os.environ, "OPENSSL_CONF": "/dev/null"}
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True, env=environment)
    return [float(word) for word in done.stdout.split()]


def rust(program: str, file: str, clusters: str) -> tuple[float, float]:
    done = subprocess.run([program, file, clusters, "3"], check=True, capture_output=True, text=True)
    read = re.search(r"read ([0-9.]+) s", done.stdout)
    fit = re.search(r"fit in seconds: ([0-9.]+)", done.stdout)
    assert read and fit, done.stdout
    return float(read[1]), float(fit[1])


def main() -> None:
    import numpy as np

    program = sys.argv[1]
    rows, columns, clusters, rounds = (int(word) for word in (sys.argv[2:] + ["1000000", "32", "8", "5"][len(sys.argv) - 2 :]))
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "x.npy")
        np.save(file, np.random.default_rng(0).normal(0, 1, (rows, columns)))
        ours, theirs, memory = [], [], []
        for _ in range(rounds):
            theirs.append(sum(rust(program, file, str(clusters))))
            seconds, kb = python(FIT, file, str(clusters))
            ours.append(seconds)
            memory.append(kb / 1024)
    imports = [python(IMPORT)[0] for _ in range(10)]
    mib = rows * columns * 8 / 2**20
    print(f"{rows} x {columns} float64 ({mib:.0f} MiB), {clusters} centres, medians of {rounds}, {os.cpu_count()} CPUs")
    print(f"Rust, reading and fitting: {statistics.median(theirs):.2f} s ({min(theirs):.2f} to {max(theirs):.2f})")
    print(f"Python, fit:               {statistics.median(ours):.2f} s ({min(ours):.2f} to {max(ours):.2f}), ratio {statistics.median(ours) / statistics.median(theirs):.2f}")
    print(f"memory above the array's:  {statistics.median(memory):.0f} MiB (the lattice takes {rows * columns * 2 / 2**20:.0f})")
    print(f"import tactful:            {statistics.median(imports):.3f} s, median of 10")


if __name__ == "__main__":
    main()
