"""Where sites and visits lie in memory: blocks of sites, visits stored diagonal by diagonal.

Sites are sorted by their number of visits, most first, and cut into blocks. Inside a block all
first visits lie together, then all second visits of the sites that have one, and so on. Every
inner loop then runs over sites, without padding and without gaps, whatever the raggedness.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

BLOCK_SITES = 256
BLOCK_VISITS = 4096  # so that a block's scratch stays in the first two cache levels


@dataclass(frozen=True)
class Layout:
    """Blocked jagged-diagonal order of ``n_site`` sites and their visits.

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
        Number of sites that have a j-th visit.
    """

    site_order: np.ndarray
    visit_order: np.ndarray
    site_start: np.ndarray
    visit_start: np.ndarray
    diagonal_start: np.ndarray
    diagonal_size: np.ndarray

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

    def site_place(self) -> np.ndarray:
        """Place of each site, in field order: the inverse of ``site_order``."""
        place = np.empty_like(self.site_order)
        place[self.site_order] = np.arange(self.n_site)
        return place


def make_layout(visits_per_site: np.ndarray) -> Layout:
    """Lay out sites whose visits are given one site after the other.

    Parameters
    ----------
    visits_per_site : (site,) int
        Number of visits made at each site; 0 for a site never visited.
    """
    counts = np.ascontiguousarray(visits_per_site, dtype=np.int64)
    order = np.argsort(-counts, kind="stable").astype(np.int64)
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Layout(order, *_lay_out(order, counts, first, BLOCK_SITES, BLOCK_VISITS))


@njit(cache=True)
def _lay_out(order, counts, first, block_sites, block_visits):
    n = order.size
    site_start = np.empty(n + 1, np.int64)
    visit_start = np.empty(n + 1, np.int64)
    diagonal_start = np.empty(n + 1, np.int64)
    n_diagonal = 0
    n_block = 0
    s = 0
    while s < n:  # sizes first
        most = counts[order[s]]
        size = min(block_sites, max(16, block_visits // max(most, 1)), n - s)
        n_diagonal += most
        s += size
        n_block += 1
    diagonal_size = np.empty(n_diagonal, np.int64)
    visit_order = np.empty(first[-1], np.int64)
    d = 0
    v = 0
    s = 0
    for b in range(n_block):
        site_start[b] = s
        visit_start[b] = v
        diagonal_start[b] = d
        most = counts[order[s]]
        size = min(block_sites, max(16, block_visits // max(most, 1)), n - s)
        for j in range(most):
            k = 0
            while k < size and counts[order[s + k]] > j:
                visit_order[v] = first[order[s + k]] + j
                v += 1
                k += 1
            diagonal_size[d] = k
            d += 1
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
    )
