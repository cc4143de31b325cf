"""Draws releases of Complete Journey for `measure.py`: the real program, real noise, a throwaway ledger each.

    python draw.py --tactful target/release/tactful --data DIR --out FOLDER [--designs relevance-6,...] [--epsilons 1] [--draws 20]

A design is NAME-SEGMENTS: `relevance` or `grocery` (the models) or `level` (frequency and breadth alone). Each release sees
the purchases before one of six cut-offs, eight weeks apart. FOLDER holds releases of real people under a budget that nobody keeps: it
stays outside of the repository and is deleted after measuring.
"""

import argparse
import datetime
import pathlib
import re
import subprocess
import tempfile

MODELS = pathlib.Path(__file__).parents[2] / "models"
FIRST = datetime.date(2017, 1, 1)
CUTS = [56, 112, 168, 224, 280, 336]  # days of purchases


def spec(design, segments, epsilon, days, policy):
    model = "grocery" if design == "grocery" else "relevance"
    text = (MODELS / model / "spec.toml").read_text()
    text = text[: text.index("[promotions]")]
    if policy:
        text = re.sub(r"\[gate\]\n.*?\n\n", "", text, flags=re.S)
    if design == "level":
        for kind in ("spend_share", "discount_share"):
            text = re.sub(rf'\[\[features\]\]\nkind = "{kind}".*?\n\n', "", text, flags=re.S)
    for pattern, new in [
        (r"(?m)^end = \S+", f"end = {FIRST + datetime.timedelta(days)}"),
        (r"(?m)^number = \d+", f"number = {segments}"),
        (r"(?m)^epsilon = 1\.0", f"epsilon = {epsilon}"),
        (r"(?m)^epsilon = 4\.0", "epsilon = 20.0"),
    ]:
        text, found = re.subn(pattern, new, text)
        assert found == 1, pattern
    return text


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--tactful", required=True)
    asked.add_argument("--data", required=True)
    asked.add_argument("--out", required=True, type=pathlib.Path)
    asked.add_argument("--designs", default="relevance-6")
    asked.add_argument("--epsilons", default="0.5,1,2,4")
    asked.add_argument("--draws", default=20, type=int)
    asked.add_argument("--policy-gate", action="store_true", help="hold segments to the policy's bound in place of the model's")
    asked = asked.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for draw in range(asked.draws):
        for design in asked.designs.split(","):
            for epsilon in asked.epsilons.split(","):
                for days in CUTS:
                    name, segments = design.rsplit("-", 1)
                    out = asked.out / f"{design}-{float(epsilon)}-{days}-{draw}"
                    if out.exists():
                        continue
                    with tempfile.TemporaryDirectory() as folder:
                        path = pathlib.Path(folder) / "spec.toml"
                        path.write_text(spec(name, segments, epsilon, days, asked.policy_gate))
                        line = [asked.tactful, "-q", "run", path, "--data", asked.data, "--ledger", f"{folder}/l", "--out", out]
                        # A run that releases nothing (status 11) is a draw that keeps no gain; `measure.py` counts it.
                        if subprocess.run(line, capture_output=True).returncode:
                            out.mkdir()


if __name__ == "__main__":
    main()
