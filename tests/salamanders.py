"""Blue Ridge two-lined salamanders: 39 sites, 5 visits, and their exact posterior by quadrature.

Source: MacKenzie et al. (2006) Occupancy Estimation and Modeling, p. 99; rows in the order of the
published file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import surveys

HISTORIES = (
    *("00011", "01000", "01000", "11110"),
    *("00100",) * 5,
    *("10000", "00111", "00111", "10011", "10110"),
    *("00000",) * 21,
    *("00010", "00010", "00001", "00001"),
)
Y = np.array([[float(c) for c in history] for history in HISTORIES])
DAY = np.tile(np.arange(1.0, 6.0), (39, 1))


def data(y=Y):
    day = np.tile(np.arange(1.0, y.shape[1] + 1), (len(y), 1))
    labels = np.char.add("day ", day.astype(int).astype(str))
    return surveys.from_arrays(y, visit_covariates={"day": day, "which": labels})


@dataclass(frozen=True)
class Exact:
    """Posterior of psi(.)p(.) summed over a fine grid of both logits."""

    psi: np.ndarray
    p: np.ndarray
    weight: np.ndarray  # (psi, p), adds to 1
    log_lik: np.ndarray  # (psi, p)

    def mean(self, values):
        return float((self.weight * values).sum())

    def moments(self, name):
        x = self.psi[:, None] if name == "psi" else self.p[None, :]
        mean = self.mean(x)
        return mean, self.mean((x - mean) ** 2) ** 0.5

    def quantile(self, name, q):
        x, w = (self.psi, self.weight.sum(1)) if name == "psi" else (self.p, self.weight.sum(0))
        return np.interp(q, np.cumsum(w) - 0.5 * w, x)

    @property
    def correlation(self):
        (a, sa), (b, sb) = self.moments("psi"), self.moments("p")
        return self.mean((self.psi[:, None] - a) * (self.p[None, :] - b)) / (sa * sb)

    @property
    def present_unseen(self):
        """(psi, p) P(z = 1 | 00000)."""
        hidden = self.psi[:, None] * (1 - self.p[None, :]) ** 5
        return hidden / (hidden + 1 - self.psi[:, None])


def exact(log_prior, size=1601, reach=12.0):
    """Quadrature with ``log_prior`` of one logit, the same for psi and p."""
    logit = np.linspace(-reach, reach, size)
    value = 1 / (1 + np.exp(-logit))
    psi, p = value[:, None], value[None, :]
    log_lik = np.zeros((size, size))
    for history, count in zip(*np.unique(Y, axis=0, return_counts=True), strict=True):
        k = history.sum()
        likelihood = psi * p**k * (1 - p) ** (5 - k) + (0 if k else 1 - psi)
        log_lik += count * np.log(likelihood)
    log_post = log_lik + log_prior(logit)[:, None] + log_prior(logit)[None, :]
    weight = np.exp(log_post - log_post.max())
    return Exact(value, value, weight / weight.sum(), log_lik)


def log_uniform(logit):
    return -np.logaddexp(0, -logit) - np.logaddexp(0, logit)


def log_normal(variance):
    return lambda logit: -0.5 * logit**2 / variance
