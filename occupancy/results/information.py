"""How well a model predicts what it has not seen: WAIC, LOO and DIC, with the site as the unit.

    elpd = sum over sites of log p(histories of a site | the other sites)

All take (draw, site) log-likelihoods with the states summed out: the visits of a site share one
unknown state, so that a visit is no unit. LOO is by Pareto-smoothed importance sampling (Vehtari,
Gelman and Gabry 2017); sites whose k is above 0.7 are counted, since theirs is not to be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

WORST_K = 0.7


@dataclass(frozen=True)
class Score:
    """One criterion of one model.

    Attributes
    ----------
    elpd : (site,) expected log predictive density of each site
    p : effective number of parameters
    bad : sites that the approximation cannot be trusted for
    """

    elpd: np.ndarray
    p: float
    bad: int = 0

    @property
    def total(self) -> float:
        return float(self.elpd.sum())

    @property
    def se(self) -> float:
        """Standard error of the total over sites."""
        n = self.elpd.size
        return float(np.sqrt(n) * self.elpd.std(ddof=1)) if n > 1 else float("nan")


def density(log_lik: np.ndarray) -> np.ndarray:
    """(site,) log of the mean likelihood over the draws."""
    return logsumexp(log_lik, axis=0) - np.log(len(log_lik))


def waic(log_lik: np.ndarray) -> Score:
    """Watanabe's criterion; a site whose log-likelihood varies by more than 0.4 is not trusted."""
    each = log_lik.var(axis=0, ddof=1)
    return Score(density(log_lik) - each, float(each.sum()), int((each > 0.4).sum()))


def loo(log_lik: np.ndarray, chains: int = 1) -> Score:
    """Leave-one-site-out by Pareto-smoothed importance sampling."""
    from arviz_stats.base.array import array_stats  # slow to import

    values = log_lik.T.reshape(log_lik.shape[1], chains, -1)
    weights, k = array_stats.psislw(values, axis=(1, 2))
    elpd = logsumexp(np.asarray(weights) + values, axis=(1, 2))
    p = float((density(log_lik) - elpd).sum())
    return Score(elpd, p, int((np.asarray(k) > WORST_K).sum()))


def dic(log_lik: np.ndarray, at_mean: np.ndarray) -> Score:
    """Spiegelhalter's criterion on the same scale; ``at_mean`` (site,) at the posterior means."""
    mean = log_lik.mean(axis=0)
    return Score(2 * mean - at_mean, float(2 * (at_mean - mean).sum()))


def stacking(scores: list[Score]) -> np.ndarray:
    """(model,) weights that maximise the log score of the mixture (Yao et al. 2018)."""
    from scipy.optimize import minimize

    each = np.stack([s.elpd for s in scores], axis=1)
    each = each - each.max(axis=1, keepdims=True)
    n = each.shape[1]
    if n == 1:
        return np.ones(1)

    def loss(free: np.ndarray) -> tuple[float, np.ndarray]:
        full = np.append(free, 0.0)
        log_w = full - logsumexp(full)
        mixed = logsumexp(each + log_w, axis=1)
        w = np.exp(log_w)
        share = np.exp(each + log_w - mixed[:, None]).sum(axis=0)
        return -float(mixed.sum()), -(share - len(each) * w)[:-1]

    found = minimize(loss, np.zeros(n - 1), jac=True, method="BFGS")
    full = np.append(found.x, 0.0)
    return np.exp(full - logsumexp(full))
