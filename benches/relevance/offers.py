"""Offers that are plainly irrelevant, and what the program's verdicts are worth: one promotion a group, held against releases of `draw.py`.

    python offers.py --tactful target/release/tactful --data DIR --releases FOLDER

Irrelevant: neither the household nor any of its 50 nearest buys the category in the next twelve weeks. Nearest in shares of spend and baskets
before the cut-off, as in `measure.py`.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import pyarrow.parquet as parquet

import measure


def categories(journey, folder, i):
    """Per household and group, the share of the group's categories that are irrelevant."""
    products = parquet.read_table(folder / "products.parquet", columns=["product_id", "product_category"]).to_pydict()
    name = {p: (c or "").strip().upper() for p, c in zip(products["product_id"], products["product_category"])}
    spec = measure.tomllib.loads((measure.ROOT / "models/relevance/spec.toml").read_text())
    listed = [(c.strip().upper(), g) for g, group in enumerate(spec["taxonomy"]["groups"]) for c in group["categories"]]
    place = {c: n for n, (c, _) in enumerate(listed)}
    lines = parquet.read_table(folder / "transactions.parquet", columns=["household_id", "product_id", "transaction_timestamp"])
    day = (lines["transaction_timestamp"].to_numpy().astype("datetime64[D]") - measure.DAY).astype(int)
    some = (day >= measure.CUTS[i]) & (day < measure.CUTS[i] + measure.HORIZON)
    product, back = np.unique(lines["product_id"].to_numpy()[some], return_inverse=True)
    at = np.array([place.get(name.get(p, ""), -1) for p in product])[back]
    unit = np.searchsorted(journey.households, lines["household_id"].to_numpy()[some])
    bought = np.zeros((len(journey.households), len(listed)), bool)
    bought[unit[at >= 0], at[at >= 0]] = True
    coarse, journey.future[i] = journey.future[i], bought
    only = journey.future
    journey.future = [bought if n == i else np.zeros((len(bought), 1), bool) for n in range(len(only))]
    measure.neighbourhood(journey)
    alone = journey.irrelevant[i]
    journey.future = only
    journey.future[i] = coarse
    groups = np.array([g for _, g in listed])
    return alone, np.stack([alone[:, groups == g].mean(1) for g in range(groups.max() + 1)], 1)


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--tactful", required=True)
    asked.add_argument("--data", required=True, type=pathlib.Path)
    asked.add_argument("--releases", required=True, type=pathlib.Path)
    asked = asked.parse_args()
    journey, i = measure.Journey(asked.data), 4
    alone, by_group = categories(journey, asked.data, i)
    here, future = journey.active[i], journey.future[i]
    top = lambda score: np.argsort(-score[here], 1, kind="stable")[:, : measure.TOP]
    popular = np.repeat(journey.past[i]["bought"][here].mean(0)[None], len(here), 0)
    print(f"mass mailing: irrelevant {alone[here].mean():.3f}, group not bought {1 - future[here].mean():.3f}")
    print(f"top {measure.TOP} by popularity: irrelevant {np.take_along_axis(by_group[here], top(popular), 1).mean():.3f}")
    told = {"fit": [], "unfit": [], "open": [], "top": []}
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write("id,group\n" + "".join(f"{key},{key}\n" for key in journey.keys))
        file.flush()
        for path in sorted(asked.releases.glob(f"relevance-6-1.0-{measure.CUTS[i]}-*")):
            release = json.loads((path / "release.json").read_text())
            point = measure.columns(journey.past[i], release["features"], journey.keys)
            segment = measure.placed(release, point)
            line = [asked.tactful, "--format", "json", "campaign", "check", path, "--promotions", file.name, "--data", asked.data]
            answer = json.loads(subprocess.run(line, capture_output=True, check=True).stdout)
            order = [s["id"] for s in release["segments"]]
            verdict = np.empty((len(order), len(journey.keys)), object)
            reach = np.zeros(verdict.shape)
            for promotion in answer["promotions"]:
                for one in promotion["segments"]:
                    at = order.index(one["id"]), journey.keys.index(promotion["id"])
                    verdict[at], reach[at] = one["verdict"], one["relevance"]["reach"]["estimate"]
            assert np.abs(reach - measure.shrunken(release)[0]).max() < 1e-6, "the program and measure.py agree"
            for kind in ("fit", "unfit", "open"):
                pairs = (verdict == kind)[segment] & here[:, None]
                if pairs.any():
                    told[kind].append((pairs.sum() / (here.sum() * pairs.shape[1]), by_group[pairs].mean(), 1 - future[pairs].mean()))
            best = top(reach[segment])
            told["top"].append((measure.TOP / reach.shape[1], np.take_along_axis(by_group[here], best, 1).mean(), 1 - np.take_along_axis(future[here], best, 1).mean()))
    for kind, rows in told.items():
        if rows:
            share, irrelevant, missed = np.mean(rows, 0)
            print(f"{kind}: {share:.3f} of pairs, irrelevant {irrelevant:.3f}, group not bought {missed:.3f} (over {len(rows)} draws)")


if __name__ == "__main__":
    main()
