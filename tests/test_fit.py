"""What a fit answers: from joint draws, consistent with itself, whole after it was kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import salamanders
from salamanders import exact, log_normal
from scipy.special import expit

import occupancy
import surveys
from occupancy.fit import Fit
from occupancy.model import Model
from occupancy.results import passes
from occupancy.results.draws import linear_predictor
from occupancy.store import StoreError
from surveys.problems import ModelError

ROOT = Path(__file__).parent.parent
N = 60
REGIONS = np.array(["north", "south", "east", "west"])[np.arange(N) % 4]
ELE = np.random.default_rng(50).normal(1000, 300, N)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(51)
    psi = expit(0.3 + 0.003 * (ELE - 1000) + np.where(REGIONS == "north", 1.0, -0.5))
    y = (rng.random((N, 1)) < psi[:, None]) * (rng.random((N, 4)) < 0.45) * 1.0
    y[rng.random(y.shape) < 0.15] = np.nan
    y[7] = np.nan
    return surveys.from_arrays(y, site_covariates={"ele": ELE}, region=REGIONS)


@pytest.fixture(scope="module")
def model(data):
    return Model(data, psi="scale(ele) + (1 + scale(ele) || region)", p="1")


@pytest.fixture(scope="module")
def fit(model):
    return model.fit("nuts", seed=6, draws=400, tune=400, chains=2)


@pytest.fixture(scope="module")
def by_ml(data):
    return Model(data, psi="scale(ele) + region", p="1").fit("ml")


def answers(fit: Fit) -> dict[str, pd.DataFrame]:
    new = pd.DataFrame({"ele": [500.0, 1000.0, 2500.0], "region": ["north", "south", "west"]})
    return {
        "coefficients": fit.coefficients(),
        "groups": fit.groups(),
        "variances": fit.variances(),
        "sites": fit.sites(),
        "regions": fit.regions(),
        "overall": fit.overall(),
        "shrinkage": fit.shrinkage(),
        "detection": fit.detection(),
        "predict": fit.predict(new),
    }


# ---------------------------------------------------------------- kept whole


@pytest.mark.parametrize("which", ["fit", "by_ml"])
def test_fit__answers_are_bit_equal_after_it_was_kept(which, tmp_path, request):
    first = request.getfixturevalue(which)
    again = occupancy.load(first.save(tmp_path / "kept"))
    for name, table in answers(first).items():
        pd.testing.assert_frame_equal(answers(again)[name], table, check_exact=True, obj=name)
    np.testing.assert_array_equal(again.log_likelihood, first.log_likelihood)
    assert again.model.digest == first.model.digest
    assert (again.seed, again.engine) == (first.seed, first.engine)
    assert [w.to_dict() for w in again.warnings] == [w.to_dict() for w in first.warnings]
    if which == "fit":
        assert again.posterior.equals(first.posterior)
        stats = again.sample_stats
        assert all((stats[k] == v).all() for k, v in first.sample_stats.data_vars.items())


def test_fit__a_flipped_byte_is_refused(by_ml, tmp_path):
    """Any byte of any file: told before a number is shown."""
    folder = by_ml.save(tmp_path / "kept")
    rng = np.random.default_rng(52)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    assert len(files) >= 3
    for path in files:
        whole = path.read_bytes()
        for at in rng.integers(0, len(whole), 4):
            broken = bytearray(whole)
            broken[at] ^= 1 << int(rng.integers(8))
            path.write_bytes(bytes(broken))
            with pytest.raises(StoreError):
                occupancy.load(folder)
        path.write_bytes(whole)
    assert occupancy.load(folder).aic == by_ml.aic


def test_fit__a_missing_file_or_no_fit_is_refused(by_ml, tmp_path):
    folder = by_ml.save(tmp_path / "kept")
    (folder / "fit.json").unlink()
    with pytest.raises(StoreError):
        occupancy.load(folder)
    with pytest.raises(StoreError):
        occupancy.load(tmp_path / "nowhere")


# ---------------------------------------------------------------- sites and regions


def test_fit__occupied_sites_lie_between_seen_and_surveyed(fit):
    """sum(D) <= N_fs <= surveyed in every draw, and a site with a detection is occupied."""
    drawn = passes.run(fit.problem, fit.draws, seed=1).occupied[:, 0, :, 0]
    seen = fit.problem.detections_per_chain > 0
    surveyed = fit.problem.visits_per_chain > 0
    number = (drawn & surveyed).sum(axis=1)
    assert drawn[:, seen].all()
    assert (number >= seen.sum()).all()
    assert (number <= surveyed.sum()).all()
    assert len(np.unique(number)) > 3
    sites = fit.sites()
    np.testing.assert_allclose(
        drawn.mean(axis=0), sites["present"], atol=5 * 0.5 / np.sqrt(len(drawn))
    )
    assert (sites["present"][seen] == 1).all()


def test_fit__regions_add_up(fit):
    sites, table = fit.sites(), fit.regions().set_index("region")
    surveyed = sites["visits"] > 0
    for region, row in table.iterrows():
        own = sites["region"] == region
        assert row["sites"] == own.sum()
        assert row["surveyed"] == (own & surveyed).sum()
        assert row["detected"] == (own & (sites["detections"] > 0)).sum()
        assert row["occupied_mean"] == pytest.approx(sites["present"][own & surveyed].sum())
        assert row["share_mean"] == pytest.approx(row["occupied_mean"] / row["surveyed"])
        assert row["psi_mean"] == pytest.approx(sites["psi_mean"][own].mean())
        assert row["detected"] <= row["occupied_lower"] <= row["occupied_upper"] <= row["surveyed"]
        assert row["share_lower"] <= row["share_mean"] <= row["share_upper"]
    whole = fit.overall().iloc[0]
    assert whole["occupied_mean"] == pytest.approx(table["occupied_mean"].sum())
    assert whole["surveyed"] == table["surveyed"].sum()


@pytest.mark.parametrize("which", ["fit", "by_ml"])
def test_fit__prediction_at_the_sites_is_the_table_of_sites(which, request):
    """A map and a table of the same fit never disagree."""
    fit = request.getfixturevalue(which)
    sites = fit.sites(0.8)
    got = fit.predict(pd.DataFrame({"ele": ELE, "region": REGIONS}), interval=0.8)
    for column in ("psi_mean", "psi_sd", "psi_lower", "psi_upper"):
        np.testing.assert_array_equal(got[column], sites[column])
    one = fit.predict(pd.DataFrame({"ele": ELE[[5]], "region": REGIONS[[5]]}), interval=0.8)
    np.testing.assert_allclose(one["psi_mean"][0], sites["psi_mean"][5], rtol=1e-14)
    assert not got["extrapolated"].drop(7).any()  # site 7 was not visited


def test_fit__a_region_never_surveyed_is_drawn_from_the_population(fit):
    """The same on two calls and in any company; each group has its own deviation."""
    places = pd.DataFrame({"ele": [1000.0, 1600.0, 1000.0], "region": ["new", "new", "other"]})
    first, second = fit.predict(places), fit.predict(places)
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    alone = fit.predict(places.iloc[[1]])
    assert alone["psi_mean"].iloc[0] == pytest.approx(first["psi_mean"][1], rel=1e-14)
    assert first["psi_mean"][0] != first["psi_mean"][2]
    assert first["extrapolated"].tolist() == [True, True, True]
    known = fit.predict(places.assign(region="north"))
    assert (first["psi_sd"][:1] > known["psi_sd"][:1]).all()
    psi = next(iter(fit.problem.predictors.values()))
    frame = {k: places[k].to_numpy() for k in places}
    eta = linear_predictor(psi, fit.draws, frame, 3, seed=fit.seed)
    columns = psi.design.matrix(frame, n=3)
    deviation = eta - fit.draws.coefficients["psi"] @ columns.T
    x = columns[:, 1]
    slope = (deviation[:, 1] - deviation[:, 0]) / (x[1] - x[0])
    level = deviation[:, 0] - slope * x[0]
    own = level / fit.draws.sds["psi", "region"], slope / fit.draws.sds["psi", "scale(ele)|region"]
    for standard in own:
        assert abs(standard.mean()) < 4 / np.sqrt(800)
        assert standard.std() == pytest.approx(1, abs=0.12)
    # 800 draws: two independent deviations correlate by less than 0.15
    assert abs(np.corrcoef(*own)[0, 1]) < 0.15


def test_fit__log_likelihood_of_a_draw_is_the_model_s_own(fit, model):
    values = fit.log_likelihood
    assert values.dims == ("chain", "draw", "species", "site")
    at = fit.posterior.isel(chain=1, draw=13)
    given = {
        "psi": dict(zip(("Intercept", "scale(ele)"), at["psi"].values, strict=True)),
        "p": {"Intercept": float(at["p"].values[0])},
    }
    for group in fit.problem.predictors["psi"].groups:
        effect = at[f"psi_effect[{group.name}]"].values
        given["psi"][group.design.name] = dict(zip(group.design.levels, effect, strict=True))
    expected = model.evaluate(given)["log_likelihood"]
    np.testing.assert_allclose(values[1, 13], expected, rtol=1e-12)
    assert float(values[1, 13, 0, 7]) == pytest.approx(0, abs=1e-15)


def test_fit__shrinkage_pulls_towards_all(fit, data):
    table = fit.shrinkage()
    assert table["region"].tolist() == ["east", "north", "south", "west"]
    assert (table["complete_mean"].nunique()) == 1
    between = (table["partial_mean"] - table["alone_mean"]) * (
        table["complete_mean"] - table["alone_mean"]
    )
    far = (table["alone_mean"] - table["complete_mean"]).abs() > 0.1
    assert far.any()
    assert (between[far] > 0).all()


def test_fit__alone_is_the_exact_posterior_of_a_region():
    """The default priors, by the quadrature of the tests."""
    y = salamanders.Y
    data = surveys.from_arrays(y, region=np.full(39, "ridge"))
    table = Model(data).fit("ml").shrinkage(interval=0.9).iloc[0]
    answer = exact(log_normal(1.5**2))
    assert table["alone_mean"] == pytest.approx(answer.moments("psi")[0], abs=1e-4)
    ends = answer.quantile("psi", [0.05, 0.95])
    np.testing.assert_allclose(table[["alone_lower", "alone_upper"]].astype(float), ends, atol=1e-3)
    assert table["naive"] == pytest.approx(18 / 39)


def test_fit__detection_over_ragged_visits(fit):
    row = fit.detection().iloc[0]
    p = expit(fit.posterior["p"].values[..., 0]).ravel()
    visits = fit.problem.visits_per_chain
    assert row["p_mean"] == pytest.approx(p.mean())
    assert row["visits"] == np.median(visits[visits > 0])
    made = visits[visits > 0]
    assert row["p_star_mean"] == pytest.approx((1 - (1 - p[:, None]) ** made).mean())
    assert row["p_lower"] < row["p_mean"] < row["p_upper"]


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_fit__naive_is_the_regression_of_ever_seen(data, link):
    """On the scale of the model's own link, with its offset, whatever the units."""
    from scipy.optimize import minimize

    y = data["detection"].values[0, :, 0]
    made = ~np.isnan(y).all(axis=1)
    seen = np.nanmax(np.where(np.isnan(y), 0, y), axis=1)[made]
    x, known = (ELE[made] - 1000) / 300, 0.5 * np.sin(np.arange(N))[made]

    def loss(beta):
        eta = beta[0] + beta[1] * x + known
        share = expit(eta) if link == "logit" else -np.expm1(-np.exp(eta))
        return -np.log(np.clip(np.where(seen > 0, share, 1 - share), 1e-300, 1)).sum()

    expected = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-8}).x
    changed = data.assign(known=("site", 0.5 * np.sin(np.arange(N)), {"role": "covariate"}))
    fit = Model(changed, psi="ele + offset(known)", link_psi=link).fit("ml")
    slope = expected[1] / 300
    got = fit.coefficients().set_index(["parameter", "term"])["naive"]
    assert got["psi", "ele"] == pytest.approx(slope, rel=1e-4)
    assert got["psi", "Intercept"] == pytest.approx(expected[0] - 1000 * slope, rel=1e-4)
    far = changed.assign(ele=("site", 100 * ELE + 5e7, {"role": "covariate"}))  # such as northing
    got = Model(far, psi="ele + offset(known)", link_psi=link).fit("ml").coefficients()
    assert got["naive"][1] == pytest.approx(slope / 100, rel=1e-4)


# ---------------------------------------------------------------- what the likelihood knows


def test_model__a_level_met_only_without_visits_is_no_coefficient(data):
    """Its psi would run to 0 or 1 out of nowhere, and take every standard error with it."""
    habitat = np.where(ELE > 1000, "oak", "pine").astype(object)
    habitat[7] = "bog"  # site 7 was not visited
    with pytest.raises(ModelError, match="bog"):
        Model(data.assign(habitat=("site", habitat, {"role": "covariate"})), psi="habitat")


def test_model__p_learns_from_the_visits_that_are_used(data):
    """An observer met only at a site that is set aside has no coefficient."""
    observer = np.where(np.arange(N)[:, None] % 2, "a", "b").repeat(4, axis=1).astype(object)
    observer[5] = "z"
    ele = ELE.copy()
    ele[5] = np.nan
    changed = data.assign(
        observer=(("site", "season", "visit"), observer[:, None, :], {"role": "covariate"}),
        ele=("site", ele, {"role": "covariate"}),
    )
    assert Model(changed, psi="1", p="observer").problem.predictors["p"].terms == (
        "Intercept", "observer[b]", "observer[z]",
    )  # fmt: skip
    set_aside = Model(changed, psi="ele", p="observer")
    assert set_aside.problem.predictors["p"].terms == ("Intercept", "observer[b]")
    assert set_aside.problem.left_out.sites == {"ele": ["6"]}
    assert np.isfinite(set_aside.fit("ml").ml.covariance).all()
    sites = set_aside.fit("ml").sites()
    assert np.isnan(sites["psi_mean"][5])
    assert np.isnan(sites["present"][5])
    at = {"psi": {"Intercept": 0, "ele": 0}, "p": {"Intercept": 0, "observer[b]": 0}}
    states = set_aside.evaluate(at)["state_probability"]
    assert states[0, 5].isnull().all()
    assert int(states.isnull().sum()) == 2


def test_model__centres_are_those_of_all_sites(data):
    """scale() counts sites never visited too, as those do who scale by hand."""
    far = ELE.copy()
    far[7] = 9_000.0  # never visited
    design = (
        Model(data.assign(ele=("site", far, {"role": "covariate"})), psi="scale(ele)")
        .problem.predictors["psi"]
        .design
    )
    told = design.describe()[1]
    assert told["centre"] == pytest.approx(far.mean())
    assert told["sd"] == pytest.approx(far.std(ddof=1))


def test_model__groups_keep_levels_without_visits(data):
    """A region whose sites were never visited is drawn from the population of regions."""
    region = REGIONS.astype(object)
    region[7] = "island"
    changed = data.assign(region=("site", region))
    problem = Model(changed, psi="(1 | region)").problem
    assert problem.predictors["psi"].groups[0].design.levels == (
        "east", "island", "north", "south", "west",
    )  # fmt: skip


# ---------------------------------------------------------------- files, interrupts


def test_study__wide_file_to_the_same_draws(tmp_path):
    """From a CSV on disk: same seed, same numbers, and those of the array in memory."""
    rows = [",".join([f"s{i:02d}", *(str(int(v)) for v in h)]) for i, h in enumerate(salamanders.Y)]
    (tmp_path / "detections.csv").write_text("site,v1,v2,v3,v4,v5\n" + "\n".join(rows) + "\n")
    (tmp_path / "study.toml").write_text(
        textwrap.dedent("""\
            schema = 1
            [source]
            format = "wide"
            [files.detections]
            path = "detections.csv"
            columns = { site = "site" }
            [wide]
            visits = ["v1", "v2", "v3", "v4", "v5"]
        """)
    )
    settings = {"seed": 11, "draws": 80, "tune": 200, "chains": 2}
    fits = [
        Model(source).fit("nuts", **settings)
        for source in (
            surveys.read(tmp_path / "study.toml"),
            surveys.read(tmp_path / "study.toml"),
            surveys.from_arrays(salamanders.Y),
        )
    ]
    for other in fits[1:]:
        for name in ("psi", "p"):
            np.testing.assert_array_equal(other.posterior[name], fits[0].posterior[name])
    assert fits[0].coefficients().equals(fits[1].coefficients())


LONG_FIT = """
import json
import numpy as np, surveys
from occupancy.model import Model

class Told:
    done = False
    def start(self, *about): pass
    def update(self, chain, drawn, divergences, tuning, seconds):
        if (drawn > 0) == {after_tuning} and not self.done:
            self.done = True
            print("sampling", flush=True)
    def finish(self): pass

rng = np.random.default_rng(1)
y = (rng.random((3000, 4)) < 0.3) * 1.0
data = surveys.from_arrays(y, site_covariates={{"x": rng.normal(size=3000)}},
                           region=np.array([f"r{{k}}" for k in rng.integers(0, 60, 3000)]))
model = Model(data, psi="x + (1 | region)")
try:
    fit = model.fit("nuts", seed=1, draws=200_000, progress=Told(), **{settings})
except KeyboardInterrupt:
    print(json.dumps("no draw"))
else:
    print(json.dumps({{
        "asked": list(fit.about["asked"]), "got": fit.about["got"],
        "chains": fit.posterior.sizes["chain"], "draws": fit.posterior.sizes["draw"],
        "interrupted": fit.about["interrupted"],
        "finite": bool(all(np.isfinite(v).all() for v in fit.posterior.data_vars.values())),
        "codes": {{w.code: w.level for w in fit.warnings}},
        "rows": len(fit.sites()),
    }}))
"""


def interrupted(number, after_tuning, **settings):
    """What a fit tells that was stopped half a second after it began; started as shells start
    background jobs, which ignore SIGINT.
    """
    process = subprocess.Popen(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            LONG_FIT.format(after_tuning=after_tuning, settings=settings),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    try:
        assert process.stdout.readline() == "sampling\n", process.stderr.read()
        time.sleep(0.5)
        began = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        seconds = time.monotonic() - began
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert seconds < 5
    return json.loads(out)


@pytest.mark.parametrize(
    ("number", "cores"),
    [(signal.SIGINT, 2), pytest.param(signal.SIGTERM, 1, marks=pytest.mark.slow)],
    ids=["INT", "TERM"],
)
def test_interrupt__returns_at_once_with_what_was_drawn(number, cores):
    """Within 5 s, without padding, marked partial; a chain that never began costs no draws."""
    told = interrupted(number, True, tune=200, chains=2, cores=cores)
    assert told["interrupted"]
    assert told["asked"] == [2, 200_000]
    assert len(told["got"]) == 2
    assert 0 < told["draws"] < 200_000
    # a chain that the machine gave little time may cost the others no draws
    got = told["got"]
    assert told["chains"] * told["draws"] == max(g * sum(h >= g for h in got) for g in got)
    assert told["finite"]
    assert told["codes"].get("PARTIAL") == "block"
    assert told["rows"] == 3000


@pytest.mark.slow  # starts a process and tunes for seconds
def test_interrupt__while_tuning_there_is_nothing_to_keep():
    assert interrupted(signal.SIGINT, False, tune=100_000, chains=2) == "no draw"
