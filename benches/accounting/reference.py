"""What Google's dp-accounting says of random compositions of discrete Gaussians.

Writes `kernel/src/accountant/dp_accounting.tsv`, which the kernel's tests read: `pip install dp-accounting==0.6.0`, then
`python benches/accounting/reference.py [ROWS] > kernel/src/accountant/dp_accounting.tsv`. Some 5 minutes for 1,200 rows.

A row is: delta; the parts, each sensitivity:nano_rho:sigma_in_64ths:times; the epsilon of the optimistic and of the
pessimistic privacy-loss distribution. The first is below the truth, the second above.
"""

import math
import random
import sys

from dp_accounting.pld import privacy_loss_distribution as pld

NANO = 10**9


def sigma_parts(square: int, nano_rho: int) -> int:
    """The standard deviation that the kernel buys, in 64ths: `Sigma::affordable`."""
    ratio = -(-square * 64 * 64 * NANO // (2 * nano_rho)) + 3 * 64 * 64
    parts = math.isqrt(ratio)
    parts += parts * parts < ratio
    return parts if parts <= 64 * 64 else -(-parts // 64) * 64


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1200
    draw = random.Random(20261122)
    print("delta\tparts\toptimistic\tpessimistic")
    while rows:
        delta = 10 ** draw.uniform(-9, -3)
        scale = 10 ** draw.uniform(-4, -0.7)
        parts = []
        for _ in range(draw.randint(1, 5)):
            sensitivity = draw.randint(1, 20)
            nano = int(scale * 10 ** draw.uniform(-1.5, 0) * NANO)
            parts.append((sensitivity, nano, sigma_parts(sensitivity**2, nano), draw.randint(1, 6)))
        answers = []
        for pessimistic in (False, True):
            whole = None
            for sensitivity, _, sigma, times in parts:
                one = pld.from_discrete_gaussian_mechanism(
                    sigma / 64, sensitivity=sensitivity, pessimistic_estimate=pessimistic,
                    value_discretization_interval=1e-4,
                ).self_compose(times)
                whole = one if whole is None else whole.compose(one)
            answers.append(whole.get_epsilon_for_delta(delta))
        if not all(math.isfinite(a) and a > 0 for a in answers):
            continue
        text = ",".join(":".join(map(str, part)) for part in parts)
        print(f"{delta:.6e}\t{text}\t{answers[0]:.8f}\t{answers[1]:.8f}", flush=True)
        rows -= 1


main()
