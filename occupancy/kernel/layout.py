"""Where sites and visits lie in memory: blocks of sites, visits stored diagonal by diagonal.

Sites are sorted by their number of visits, most first, and cut into blocks. Inside a block the
first visits of a step (a season, or whatever the chain runs over) lie together, then the second
visits of the sites that have one, and so on, step after step. Every inner loop then runs over
sites, without padding, whatever the raggedness. With one step the sites of a diagonal are the
first ones of the block; with several they are a run of sites where the surveys are regular, and
are looked up where they are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

BLOCK_SITES = 256
BLOCK_VISITS = 4096  # so that a block's scratch stays in the first two cache levels
BLOCK_TABLES = 16384  # doubles of a block's tables, for the same reason


@dataclass(frozen=True)
class Layout:
    """Blocked jagged-diagonal order of ``n_site`` chains and their visits.

    Attributes
    ----------
    site_order : (site,) int64
        Field index of the site that lies at each place.
    visit_order : (made visit,) int64
        Index, among the visits as given, of the visit that lies at each place.
    site_start, visit_start : (block + 1,) int64
        First site and first visit of each block.
    diagonal_start : (block + 1,) int64
        First diagonal of each block in ``diagonal_size``.
    diagonal_size : (diagonal,) int64
        Number of sites that have a j-th visit in the step.
    diagonal_step : (diagonal,) int64
    diagonal_first : (diagonal,) int64
        Where the diagonal's sites are a run: the first of them, within its block; else -1.
    place_of_visit : (made visit,) int64
        Place of the site of each visit, both in layout order.
    """

    site_order: np.ndarray
    visit_order: np.ndarray
    site_start: np.ndarray
    visit_start: np.ndarray
    diagonal_start: np.ndarray
    diagonal_size: np.ndarray
    diagonal_step: np.ndarray
    diagonal_first: np.ndarray
    place_of_visit: np.ndarray
    n_step: int = 1

    @property
    def n_site(self) -> int:
        return self.site_order.size

    @property
    def n_visit(self) -> int:
        return self.visit_order.size

    @property
    def block_sites(self) -> int:
        """Sites in the largest block."""
        return int(np.diff(self.site_start).max(initial=1))

    @property
    def block_visits(self) -> int:
        """Visits in the fullest block."""
        return int(np.diff(self.visit_start).max(initial=1))

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """As kernels take them."""
        return (
            self.site_start,
            self.visit_start,
            self.diagonal_start,
            self.diagonal_size,
            self.diagonal_step,
            self.diagonal_first,
            self.place_of_visit,
        )

    def site_place(self) -> np.ndarray:
        """Place of each site, in field order: the inverse of ``site_order``."""
        place = np.empty_like(self.site_order)
        place[self.site_order] = np.arange(self.n_site)
        return place

    def step_of_visit(self) -> np.ndarray:
        """(made visit,) step of each visit, layout order."""
        return np.repeat(self.diagonal_step, self.diagonal_size)


def make_layout(visits: np.ndarray, tables: int = 6) -> Layout:
    """Lay out sites whose visits are given one site after the other, step by step.

    Parameters
    ----------
    visits : (site,) or (site, step) int
        Number of visits made at each site; 0 for a site never visited.
    tables : int
        Doubles that one site needs in a block's tables.
    """
    counts = np.ascontiguousarray(visits, dtype=np.int64)
    counts = counts[:, None] if counts.ndim == 1 else counts
    total = counts.sum(axis=1)
    if counts.shape[1] == 1:
        order = np.argsort(-total, kind="stable").astype(np.int64)
    else:  # sites with one pattern of visits lie together, so that diagonals are runs
        order = np.lexsort((*-counts.T[::-1], -total)).astype(np.int64)
    first = np.concatenate([[0], np.cumsum(counts.ravel())]).astype(np.int64)
    sites = max(16, min(BLOCK_SITES, BLOCK_TABLES // max(tables, 1)))
    parts = _lay_out(order, counts, total, first, sites, BLOCK_VISITS)
    return Layout(order, *parts, n_step=counts.shape[1])


@njit(cache=True)
def _lay_out(order, counts, total, first, block_sites, block_visits):
    n, n_step = counts.shape
    site_start = np.empty(n + 1, np.int64)
    visit_start = np.empty(n + 1, np.int64)
    diagonal_start = np.empty(n + 1, np.int64)
    n_diagonal = 0
    n_block = 0
    s = 0
    while s < n:  # sizes first
        size = min(block_sites, max(16, block_visits // max(total[order[s]], 1)), n - s)
        for t in range(n_step):
            most = 0
            for k in range(size):
                most = max(most, counts[order[s + k], t])
            n_diagonal += most
        s += size
        n_block += 1
    diagonal_size = np.empty(n_diagonal, np.int64)
    diagonal_step = np.empty(n_diagonal, np.int64)
    diagonal_first = np.empty(n_diagonal, np.int64)
    visit_order = np.empty(first[-1], np.int64)
    place = np.empty(first[-1], np.int64)
    d = 0
    v = 0
    s = 0
    for b in range(n_block):
        site_start[b] = s
        visit_start[b] = v
        diagonal_start[b] = d
        size = min(block_sites, max(16, block_visits // max(total[order[s]], 1)), n - s)
        for t in range(n_step):
            j = 0
            while True:
                k = 0
                lowest = -1
                highest = -1
                for i in range(size):
                    site = order[s + i]
                    if counts[site, t] > j:
                        visit_order[v] = first[site * n_step + t] + j
                        place[v] = s + i
                        v += 1
                        k += 1
                        highest = i
                        if lowest < 0:
                            lowest = i
                if k == 0:
                    break
                diagonal_size[d] = k
                diagonal_step[d] = t
                diagonal_first[d] = lowest if highest - lowest + 1 == k else -1
                d += 1
                j += 1
        s += size
    site_start[n_block] = s
    visit_start[n_block] = v
    diagonal_start[n_block] = d
    m = n_block + 1
    return (
        visit_order,
        site_start[:m].copy(),
        visit_start[:m].copy(),
        diagonal_start[:m].copy(),
        diagonal_size,
        diagonal_step,
        diagonal_first,
        place,
    )
