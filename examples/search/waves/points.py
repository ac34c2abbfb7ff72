"""Noisy points of a wave, in three splits."""

import json
import math
import random


def main(table):
    rng = random.Random(7)
    rows = []
    for i in range(240):
        x = rng.uniform(0, 10)
        y = math.sin(x) + x / 5 + rng.gauss(0, 0.3)
        rows.append({"x": x, "y": y, "split": ("train", "train", "validation", "test")[i % 4]})
    table.write_text(json.dumps(rows))
