"""The probit link: the normal tails to the last digit, and the likelihood that it makes."""

from __future__ import annotations

import numpy as np
import pytest
from mpmath import mp, mpf

import surveys
from occupancy.kernel.two_state import PROBIT, occupy_in_logs
from occupancy.model import Model

SHOWN = ["psi_mean", "present"]


@pytest.mark.parametrize("x", [-800.0, -40.0, -30.1, -29.9, -8.0, -0.3, 0.0, 0.7, 9.0, 40.0, 800.0])
def test_probit__logs_and_slopes_hold_in_the_tails(x):
    with mp.workdps(60):
        # mpmath's ncdf of 800 rounds to 1 at any workable precision: the tail is asked for instead
        tail = mp.erfc(abs(mpf(x)) / mp.sqrt(2)) / 2
        rest = mp.log1p(-tail)
        log_tail = mp.log(tail)
        yes, no = (rest, log_tail) if x > 0 else (log_tail, rest)
        density = -(mpf(x) ** 2) / 2 - mp.log(2 * mp.pi) / 2
        expected = [float(v) for v in (yes, no, mp.exp(density - yes), mp.exp(density - no))]
    np.testing.assert_allclose(occupy_in_logs(PROBIT, x), expected, rtol=1e-12, atol=1e-300)


def test_probit__likelihood_of_a_constant_is_that_of_the_logit():
    rng = np.random.default_rng(1)
    data = surveys.from_arrays((rng.random((50, 4)) < 0.3).astype(float))
    fits = [
        Model(data, link_psi=psi, link_p=p).fit(engine="ml")
        for psi, p in [("logit", "logit"), ("probit", "logit"), ("probit", "probit")]
    ]
    for fit in fits[1:]:
        assert fit.log_likelihood == pytest.approx(fits[0].log_likelihood, abs=1e-9)
        np.testing.assert_allclose(
            fit.sites()[["psi_mean", "present"]],
            fits[0].sites()[["psi_mean", "present"]],
            rtol=1e-6,
        )
