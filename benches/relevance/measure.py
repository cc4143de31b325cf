"""Is an offer more relevant by segment than by popularity? On Complete Journey, from the releases that `draw.py` drew.

    python measure.py --data DIR --releases FOLDER --out summary.tsv [--figure relevance.svg]

Writes aggregates alone; docs/relevance.md says what each column is.
"""

import argparse
import collections
import json
import pathlib
import tomllib
import warnings

import numpy as np
import pyarrow.parquet as parquet
from scipy.special import expit, logit
from scipy.stats import rankdata
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

CUTS = [56, 112, 168, 224, 280, 336]
HORIZON = 84  # days: twelve weeks
TOP = 5  # offers a household gets
NEIGHBOURS = 50
SEEDS = 3  # of k-means without noise
ROOT = pathlib.Path(__file__).parents[2]
DAY = np.datetime64("2017-01-01")


def auc(score, label):
    ranks, hits = rankdata(score), label.sum()
    return (ranks[label].sum() - hits * (hits + 1) / 2) / (hits * (len(label) - hits))


class Journey:
    """The tables, as arrays: households × groups before and after each cut-off."""

    def __init__(self, folder):
        spec = tomllib.loads((ROOT / "models/relevance/spec.toml").read_text())
        self.keys = [group["key"] for group in spec["taxonomy"]["groups"]]
        category = {name.strip().upper(): i for i, group in enumerate(spec["taxonomy"]["groups"]) for name in group["categories"]}
        barred = {name.strip().upper() for name in spec["taxonomy"]["sensitive"]}
        read = lambda name, columns=None: parquet.read_table(folder / f"{name}.parquet", columns=columns)
        products = read("products", ["product_id", "product_category"]).to_pydict()
        group, sensitive = {}, set()
        for product, name in zip(products["product_id"], products["product_category"]):
            name = (name or "").strip().upper()
            group[product] = category.get(name, -1)
            if name in barred:
                sensitive.add(product)
        lines = read("transactions")
        product = lines["product_id"].to_numpy()
        distinct, place = np.unique(product, return_inverse=True)
        line_group = np.array([group.get(p, -1) for p in distinct])[place]
        ids = lines["household_id"].to_numpy()
        self.households, unit = np.unique(ids, return_inverse=True)
        keep = line_group >= 0
        day = (lines["transaction_timestamp"].to_numpy().astype("datetime64[D]") - DAY).astype(int)
        discount = sum(lines[c].to_numpy() for c in ["retail_disc", "coupon_disc", "coupon_match_disc"])
        self.lines = [
            column[keep]
            for column in (unit, day, line_group, np.minimum(lines["sales_value"].to_numpy(), 500), discount, lines["basket_id"].to_numpy())
        ]
        self.past = [self.before(cut) for cut in CUTS]
        self.active = [past["baskets"] > 0 for past in self.past]
        # Twelve whole weeks must follow: the last cut-off has no label.
        self.future = [self.bought(cut, cut + HORIZON) for cut in CUTS[:-1]]
        self.pools = self.coupons(folder, read, group, sensitive)

    def shape(self):
        return len(self.households), len(self.keys)

    def bought(self, first, last):
        unit, day, group, *_ = self.lines
        some = (day >= first) & (day < last)
        table = np.zeros(self.shape(), bool)
        table[unit[some], group[some]] = True
        return table

    def before(self, cut):
        unit, day, group, amount, discount, basket = self.lines
        some = day < cut
        unit, group, amount, discount, basket = (x[some] for x in (unit, group, amount, discount, basket))
        spend = np.zeros(self.shape())
        np.add.at(spend, (unit, group), amount)
        visits = np.unique(np.stack([unit, basket]), axis=1)[0]
        count = lambda at, weight=None: np.bincount(at, weight, len(self.households))
        return {
            "spend": spend,
            "bought": self.bought(0, cut),
            "baskets": count(visits),
            "total": count(unit, amount),
            "discount": count(unit, discount),
        }

    def coupons(self, folder, read, group, sensitive):
        """Pairs of a targeted household and a coupon of its campaign: type B and C, where all targets got all coupons, and A."""
        rows = read("coupons").to_pydict()
        products = collections.defaultdict(set)
        for coupon, product, campaign in zip(rows["coupon_upc"], rows["product_id"], rows["campaign_id"]):
            products[campaign, coupon].add(product)
        rows = read("coupon_redemptions").to_pydict()
        redeemed = set(zip(rows["campaign_id"], rows["household_id"], rows["coupon_upc"]))
        rows = read("campaigns").to_pydict()
        targets = collections.defaultdict(list)
        place = {household: i for i, household in enumerate(self.households)}
        for campaign, household in zip(rows["campaign_id"], rows["household_id"]):
            if household in place:
                targets[campaign].append(place[household])
        kinds = read("campaign_descriptions").to_pydict()
        pools = {"BC": ([], [], [], [], [], []), "A": ([], [], [], [], [], [])}
        for campaign, kind, start in zip(kinds["campaign_id"], kinds["campaign_type"], kinds["start_date"]):
            start = (np.datetime64(start, "D") - DAY).astype(int)
            cuts = [i for i, cut in enumerate(CUTS) if cut <= start]
            if not cuts:
                continue
            pool = pools["A" if kind.endswith("A") else "BC"]
            for (of, coupon), members in sorted(products.items()):
                weight = np.bincount([group[p] for p in members if group.get(p, -1) >= 0], minlength=len(self.keys))
                # What the program refuses, or cannot match, it sends to nobody: no method is judged by it.
                if of != campaign or not weight.sum() or members & sensitive:
                    continue
                pool[5].append(weight / weight.sum())
                for unit in targets[campaign]:
                    row = (unit, cuts[-1], len(pool[5]) - 1, (campaign, self.households[unit], coupon) in redeemed, campaign)
                    for column, cell in zip(pool, row):
                        column.append(cell)
        return {name: [np.array(column) for column in pool] for name, pool in pools.items()}


def placed(release, point):
    """The segment of each row, as the release assigns it: index into its list."""
    points = release["assignment"]["points"]
    steps = np.array([one["steps"] for one in points])
    order = [one["id"] for one in release["segments"]]
    of = np.array([order.index(one["segment"]) for one in points])
    return of[((point[:, None] - steps[None]) ** 2).sum(-1).argmin(1)]


def columns(past, features, keys):
    """The features of a release on its own lattice, in steps."""
    spend = past["spend"]
    whole = spend.sum(1, keepdims=True)
    share = np.divide(spend, whole, out=np.zeros_like(spend), where=whole > 0)
    paid = past["total"] + past["discount"]
    kinds = {
        "frequency": past["baskets"],
        "monetary": past["total"],
        "breadth": past["bought"].sum(1),
        "discount_share": np.divide(past["discount"], paid, out=np.zeros_like(paid), where=paid > 0),
    }
    out = []
    for feature in features:
        kind, low, high = feature["kind"], feature["lower"], feature["upper"]
        value = share[:, keys.index(feature["key"].split(".")[1])] if kind == "spend_share" else kinds[kind]
        step = 0.01 if kind in ("spend_share", "discount_share") else 1.0
        bend = (lambda x: np.log1p(x / step)) if feature["scale"] == "log" else (lambda x: x)
        at = (bend(np.clip(value, low, high)) - bend(low)) / (bend(high) - bend(low))
        out.append(np.round((2 * at - 1) * max(round(feature["weight"] * 2048), 1)))
    return np.stack(out, 1)


def root(low, high, falling):
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def shrunken(release):
    """The shares that `src/promotion/shrink.rs` computes, from what the release publishes."""
    cells = [[c["incidence"] for c in segment["categories"]] for segment in release["segments"]]
    share = np.array([[c["estimate"] for c in row] for row in cells])
    half = np.array([[max(c["upper"] - c["estimate"], c["estimate"] - c["lower"]) for c in row] for row in cells])
    noise = np.maximum(half / 1.959964, 1e-6) ** 2
    eta = logit(np.clip([g["incidence"]["estimate"] for g in release["groups"]], 0.005, 0.995))
    level = np.array([root(-8, 8, lambda a: ((p - expit(eta + a)) / v).sum()) for p, v in zip(share, noise)])
    slope = expit(eta + level[:, None])
    slope = slope * (1 - slope)
    variance = (1 / noise).sum(1) / (slope / noise).sum(1) ** 2
    levels = max(0.0, (level**2 - variance).mean())
    level = level * (levels / (levels + variance) if levels > 0 else 0)
    model = expit(eta + level[:, None])
    slope, rest = (model * (1 - model)) ** 2, share - model
    freedom = rest.size - len(rest)
    excess = lambda a: (rest**2 / (a * slope + noise)).sum() - freedom
    taste = 0.0 if excess(0) <= 0 else root(0, 100, excess)
    return model + taste * slope / (taste * slope + noise) * rest, share


def judge(journey, scores, resample=None, brief=False):
    """All measures of one method; the first two when `brief`. `scores`: households × groups, one a cut-off."""
    out = collections.defaultdict(list)
    for i, future in enumerate(journey.future):
        here = journey.active[i]
        score, label = scores[i][here], future[here]
        out["auc"].append(auc(score.ravel(), label.ravel()))
        hits = label.sum(1)
        some = (hits > 0) & (hits < label.shape[1])
        score_some, label_some, hits = score[some], label[some], hits[some]
        won = (rankdata(score_some, axis=1) * label_some).sum(1) - hits * (hits + 1) / 2
        out["auc_within"].append((won / (hits * (label.shape[1] - hits))).mean())
        if brief:
            continue
        order = np.argsort(-score, 1, kind="stable")[:, :TOP]
        hits = np.take_along_axis(label, order, 1).sum()
        out[f"recall_at_{TOP}"].append(hits / label.sum())
        best = np.argpartition(-score.ravel(), TOP * len(score))[: TOP * len(score)]
        out["recall_of_best"].append(label.ravel()[best].sum() / label.sum())
    out = {name: np.mean(values) for name, values in out.items()}
    for name, (unit, cut, coupon, label, campaign, weights) in ({} if brief else journey.pools).items():
        score = np.zeros(len(unit))
        for i in range(len(CUTS)):
            at = cut == i
            score[at] = np.einsum("ij,ij->i", scores[i][unit[at]], weights[coupon[at]])
        out[f"coupon_auc_{name}"] = auc(score, label)
        if name == "BC":  # Which coupons of a type A campaign a household saw is not known: no top of them can be taken.
            order = np.lexsort((-score, unit, campaign))
            place = np.arange(len(order))
            first = np.r_[True, (unit[order][1:] != unit[order][:-1]) | (campaign[order][1:] != campaign[order][:-1])]
            place = place - np.maximum.accumulate(np.where(first, place, 0))
            out[f"coupon_recall_at_{TOP}_BC"] = label[order][place < TOP].sum() / label.sum()
        if resample is not None:
            resample[name] = (score, label, unit)
    return out


def exact(journey, i, segment, number):
    bought, here = journey.past[i]["bought"], journey.active[i]
    rows = [here & (segment == s) for s in range(number)]
    return np.array([bought[row].mean(0) if row.any() else bought[here].mean(0) for row in rows])


def neighbourhood(journey):
    """Pairs where nobody like the household buys the group in the twelve weeks: not it, not its nearest before the cut-off."""
    journey.irrelevant = []
    for i, future in enumerate(journey.future):
        past = journey.past[i]
        spend = past["spend"]
        share = spend / np.maximum(spend.sum(1, keepdims=True), 1e-9)
        point = np.c_[np.log1p(100 * share) / np.log(101), np.log1p(past["baskets"])[:, None] / np.log(501)]
        here = np.where(journey.active[i])[0]
        near = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, len(here))).fit(point[here]).kneighbors(point[here], return_distance=False)
        alone = np.zeros_like(future)
        alone[here] = ~future[here][near].any(1) & ~future[here]
        journey.irrelevant.append(alone)


def main():
    warnings.filterwarnings("ignore")
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", required=True, type=pathlib.Path)
    asked.add_argument("--releases", required=True, type=pathlib.Path)
    asked.add_argument("--out", required=True, type=pathlib.Path)
    asked.add_argument("--figure", type=pathlib.Path)
    asked = asked.parse_args()
    journey = Journey(asked.data)
    units = len(journey.households)
    popular = [np.repeat(past["bought"][here].mean(0)[None], units, 0) for past, here in zip(journey.past, journey.active)]
    drawn = {}
    base = judge(journey, popular, drawn)
    rows = [("popularity", "", "", 1, base, None)]
    share = lambda past: past["spend"] / np.maximum(past["spend"].sum(1, keepdims=True), 1e-9)
    own = [share(past) + 1e-3 * pop for past, pop in zip(journey.past, popular)]
    rows.append(("own history: share of spend", "", "", 1, judge(journey, own), None))
    own = [np.log1p(past["spend"]) + 1e-3 * pop for past, pop in zip(journey.past, popular)]
    rows.append(("own history: spend", "", "", 1, judge(journey, own), None))
    found = collections.defaultdict(dict)
    for path in sorted(asked.releases.iterdir()):
        design, segments, epsilon, cut, draw = path.name.rsplit("-", 4)
        file = path / "release.json"
        found[design, int(segments), float(epsilon)][int(draw), CUTS.index(int(cut))] = json.loads(file.read_text()) if file.exists() else None
    clear = {}
    for (design, segments, epsilon), releases in sorted(found.items()):
        if (design, segments) not in clear:
            features = next(r for r in releases.values() if r)["features"]
            scores, draws = [], []
            for seed in range(SEEDS):
                scores = []
                for i, past in enumerate(journey.past):
                    point, here = columns(past, features, journey.keys), journey.active[i]
                    model = KMeans(segments, n_init=1, random_state=seed).fit(point[here])
                    segment = model.predict(point)
                    scores.append(exact(journey, i, segment, segments)[segment])
                drawn_clear = {}
                draws.append(judge(journey, scores, drawn_clear))
            mean = {name: np.mean([d[name] for d in draws]) for name in base}
            spread = {name: np.std([d[name] for d in draws]) for name in base}
            clear[design, segments] = mean
            rows.append((f"{design}, no noise", segments, "", SEEDS, mean, spread))
            if design == "relevance" and segments == 6:
                boot(drawn, drawn_clear)
        methods = {"": [], " without shrinkage": [], " exact shares": []}
        for draw in sorted({draw for draw, _ in releases}):
            if any((draw, i) not in releases for i in range(len(CUTS))):
                continue
            kinds = ([], [], [])
            for i in range(len(CUTS)):
                release = releases[draw, i]
                if release is None:
                    for kind in kinds:
                        kind.append(popular[i])
                    continue
                point = columns(journey.past[i], release["features"], journey.keys)
                segment = placed(release, point)
                better, raw = shrunken(release)
                for kind, table in zip(kinds, (better, raw, exact(journey, i, segment, len(release["segments"])))):
                    kind.append(table[segment])
            for name, scores in zip(methods, kinds):
                methods[name].append(judge(journey, scores, brief=name != ""))
        for name, draws in methods.items():
            if draws:
                mean = {m: np.mean([d[m] for d in draws]) for m in draws[0]}
                spread = {m: np.std([d[m] for d in draws]) for m in draws[0]}
                rows.append((design + name, segments, epsilon, len(draws), mean, spread))
                kept = (mean["auc"] - base["auc"]) / (clear[design, segments]["auc"] - base["auc"])
                print(f"{design}{name} k={segments} eps={epsilon} n={len(draws)}: gain {mean['auc'] - base['auc']:.4f}, kept {kept:.3f}", flush=True)
    names = list(base)
    with asked.out.open("w") as file:
        print("method", "segments", "epsilon", "draws", *[f"{n}\t{n}_sd" for n in names], sep="\t", file=file)
        for method, segments, epsilon, draws, mean, spread in rows:
            cells = [f"{mean[n]:.4f}\t{spread[n] if spread else 0:.4f}" if n in mean else "\t" for n in names]
            print(method, segments, epsilon, draws, *cells, sep="\t", file=file)
    if asked.figure:
        draw(rows, base, asked.figure)


def boot(popular, other):
    """95 % intervals of the gain on coupons without noise, households drawn again."""
    random = np.random.default_rng(1)
    for name, (score, label, unit) in other.items():
        gains, whole = [], popular[name][0]
        order = np.argsort(unit, kind="stable")
        starts = np.r_[np.flatnonzero(np.r_[True, np.diff(unit[order]) > 0]), len(order)]
        for _ in range(200):
            pick = random.integers(0, len(starts) - 1, len(starts) - 1)
            rows = np.concatenate([order[starts[p] : starts[p + 1]] for p in pick])
            gains.append(auc(score[rows], label[rows]) - auc(whole[rows], label[rows]))
        low, high = np.quantile(gains, [0.025, 0.975])
        print(f"coupons {name}: {label.sum()} redemptions of {len(label)} pairs; gain without noise {np.mean(gains):.3f} ({low:.3f} to {high:.3f})")


def draw(rows, base, path):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "relevance"
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    gain = lambda mean: mean["auc"] - base["auc"]
    for design, colour in (("relevance", "#1f6f54"), ("grocery", "#8a5a9e")):
        points = [(r[2], gain(r[4]), r[5]["auc"]) for r in rows if r[0] == design and r[1] == 6]
        if points:
            x, y, bar = zip(*sorted(points))
            axes[0].errorbar(x, y, yerr=np.array(bar) * 2, color=colour, marker="o", label=f"{design}, six segments")
        flat = [gain(r[4]) for r in rows if r[0] == f"{design}, no noise" and r[1] == 6]
        if flat:
            axes[0].axhline(flat[0], color=colour, linestyle=":", label=f"{design}, no noise")
    raw = sorted((r[2], gain(r[4])) for r in rows if r[0] == "relevance without shrinkage" and r[1] == 6)
    if raw:
        axes[0].plot(*zip(*raw), color="#1f6f54", marker="x", linestyle="--", label="relevance, not shrunken")
    axes[0].set(xscale="log", xticks=[0.5, 1, 2, 4], xticklabels=["0.5", "1", "2", "4"], xlabel="ε", ylabel="AUC above popularity's")
    axes[0].minorticks_off()
    for suffix, colour, label in (("", "#1f6f54", "ε = 1"), (", no noise", "#999999", "no noise")):
        points = sorted((r[1], gain(r[4])) for r in rows if r[0] == f"relevance{suffix}" and (suffix or r[2] == 1.0))
        if points:
            axes[1].plot(*zip(*points), color=colour, marker="o", label=label)
    axes[1].set(xlabel="segments (relevance)")
    for axis in axes:
        axis.legend(frameon=False, fontsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylim(bottom=0)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
