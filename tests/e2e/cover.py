# SPDX-License-Identifier: BSD-3-Clause
# Copyright (c) 2026 The vrs contributors
"""A pairwise cover: rows such that each two values of two axes meet in a row at least once. The
same rows come out each time."""

import collections
import itertools


def product(axes, applicable=lambda row: True):
    """Every row that is applicable, as dictionaries, in the order of the axes."""
    for values in itertools.product(*axes.values()):
        row = dict(zip(axes, values))
        if applicable(row):
            yield row


def pairs(row):
    """The pairs that meet in a row."""
    return set(itertools.combinations(row.items(), 2))


def pairs_of(rows):
    return set().union(*map(pairs, rows))


def pick(rows, needed):
    """Greedily: the row with the most pairs that are still needed, of equals the one whose
    values were used the least, until no row has any. What a row gives is taken out of
    `needed`."""
    left = [(row, pairs(row)) for row in rows]
    used = collections.Counter()
    chosen = []
    while left:
        row, got = max(left, key=lambda entry: (
            len(entry[1] & needed), -sum(used[value] for value in entry[0].items())))
        if not got & needed:
            break
        needed -= got
        used.update(row.items())
        chosen.append(row)
    return chosen


def cover(axes, inner, applicable=lambda row: True):
    """Rows with all pairs that occur in an applicable row. The axes but `inner` are what is
    dear to set up: few combinations of those are taken, and used for many values of `inner`."""
    outer = {axis: values for axis, values in axes.items() if axis != inner}
    setups = pick(list(product(outer)), pairs_of(product(outer)))
    rows = list(product(axes, applicable))
    needed = pairs_of(rows)
    chosen = pick([row for row in rows
                   if {k: v for k, v in row.items() if k != inner} in setups], needed)
    return chosen + pick(rows, needed)
