"""Priors as variables of a PyMC model; the only place of this room that imports PyMC."""

from __future__ import annotations

from typing import Any

import numpy as np

from occupancy.priors.kinds import draw_logit_beta
from occupancy.priors.prior import Prior


def variable(prior: Prior, name: str, **keywords: Any) -> Any:
    """Make a named variable of the model on the context stack; `dims`, `shape` go to PyMC."""
    import pymc as pm

    # As float64: PyTensor keeps a bare 1.5 as float32, and its log loses half the digits.
    a = np.array(prior.arguments, dtype=np.float64)
    match prior.kind:
        case "flat":
            return pm.Flat(name, **keywords)
        case "normal":
            return pm.Normal(name, mu=a[0], sigma=a[1], **keywords)
        case "student_t":
            return pm.StudentT(name, nu=a[0], mu=a[1], sigma=a[2], **keywords)
        case "logistic":
            return pm.Logistic(name, mu=a[0], s=a[1], **keywords)
        case "laplace":
            return pm.Laplace(name, mu=a[0], b=a[1], **keywords)
        case "beta":
            return _logit_beta(name, *a, **keywords)
        case "half_normal":
            return pm.HalfNormal(name, sigma=a[0], **keywords)
        case "half_student_t":
            return pm.HalfStudentT(name, nu=a[0], sigma=a[1], **keywords)
        case "exponential":
            return pm.Exponential(name, lam=a[0], **keywords)
        case "gamma":
            return pm.Gamma(name, alpha=a[0], beta=a[1], **keywords)
        case "inverse_gamma":
            return pm.InverseGamma(name, alpha=a[0], beta=a[1], **keywords)
        case "uniform":
            return pm.Uniform(name, lower=a[0], upper=a[1], **keywords)
        case "lkj":
            half = pm.Beta(f"{name}_half", a[0], a[0], **keywords)
            return pm.Deterministic(name, 2 * half - 1, dims=keywords.get("dims"))
        case "inverse_gamma_variance":
            return _of_variance(name, *a, **keywords)
        case _:
            return pm.LogNormal(name, mu=a[0], sigma=a[1], **keywords)


def _of_variance(name: str, shape: float, scale: float, **keywords: Any) -> Any:
    """Make a standard deviation whose square is inverse-gamma."""
    import pymc as pm
    import pytensor.tensor as pt
    from scipy.special import gammaln

    constant = np.float64(np.log(2.0) + shape * np.log(scale) - gammaln(shape))

    def log_density(value: Any, shape: Any, scale: Any) -> Any:
        inside = constant - (2 * shape + 1) * pt.log(value) - scale / value**2
        return pt.switch(value > 0, inside, -np.inf)

    def draw(shape: Any, scale: Any, rng: Any = None, size: Any = None) -> Any:
        gamma = rng.gamma(float(np.max(shape)), size=size)
        return np.sqrt(float(np.max(scale)) / np.maximum(gamma, 1e-300))

    return pm.CustomDist(
        name,
        shape,
        scale,
        logp=log_density,
        random=draw,
        default_transform=pm.distributions.transforms.log,
        **keywords,
    )


def _logit_beta(name: str, a: float, b: float, **keywords: Any) -> Any:
    """Make a coefficient whose inverse logit has a Beta prior."""
    import pymc as pm
    import pytensor.tensor as pt
    from scipy.special import betaln

    constant = np.float64(betaln(a, b))

    def log_density(value: Any, a: Any, b: Any) -> Any:
        return -a * pt.softplus(-value) - b * pt.softplus(value) - constant

    def draw(a: Any, b: Any, rng: Any = None, size: Any = None) -> Any:
        return draw_logit_beta(rng, size, float(np.max(a)), float(np.max(b)))

    return pm.CustomDist(name, a, b, logp=log_density, random=draw, **keywords)
