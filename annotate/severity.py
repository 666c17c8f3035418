"""How severe and how attentive each rater is, how wide a rater uses the scale, and what the items deserve without all that.

The model, for one dimension. Item i has a latent quality q_i; rater r hears a_r · q_i − b_r plus standard normal noise, and the
score says how many of four thresholds c_1 < … < c_4, common to all raters, that exceeds:

    P(score ≤ k) = (1 − λ_r) Φ(c_k − a_r q_i + b_r) + λ_r k / 5

b_r is the *severity*, a_r the *spread* (1: like the average rater; near 0: the scores hardly follow the items), 1 − λ_r the
*attention* of rater r: how often the score is more than a key pressed at random. This is the multi-rater ordered probit model of
Johnson (1996, JASA 91:42–51), the probit cousin of the many-facet rating-scale model (Linacre 1989), with the qualities
integrated out and normal priors on what is estimated, so that a rater with few ratings stays near the average and a score that
nobody gave does no harm:

    q_i ~ N(g · z_i, s²)     b_r ~ N(0, 0.7²)     log a_r ~ N(0, 0.3²)     logit λ_r ~ N(−3.5, 1)

z_i, how severe the raters of item i are on average, is what differs from the textbook. Where severe raters were given the poorer
items, a plain random-effects model blames the raters for a part of it; letting quality depend on z removes that bias (Mundlak 1978,
Econometrica 46:69–85). z comes from differences between raters *within* items (`_within_items`), in which the quality of an item
cancels; to use the b_r themselves lets sparse ratings chase noise. `python -m benchmarks.agreement` shows what it is worth.

Raters need not rate the same items, but they must be linked through shared ones: parts of the raters that share no item are
compared by the prior alone, and `n_parts` says how many such parts there are.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, ndtr

from annotate.estimates import Undefined
from annotate.tables import LOWEST, SCALE, Scores

SEVERITY_PRIOR_SD = 0.7  # of b_r, in units of a rater's noise
SPREAD_PRIOR_SD = 0.3  # of log a_r
LOGIT_LAPSE_PRIOR = (-3.5, 1.0)  # mean and SD of logit λ_r: 3 % of the scores
IMBALANCE_PRIOR_SD = 3.0  # of g
WITHIN_PRIOR = 2.0  # ratings' worth of "no severity" that each rater starts with in z
FIRST_CUT_PRIOR = (-2.0, 2.0)  # mean and SD of c_1
LOG_GAP_PRIOR = (np.log(1.2), 0.7)  # of log(c_k+1 − c_k)
LOG_QUALITY_SD_PRIOR = (0.2, 0.7)  # of log s
NODES = np.linspace(-4.0, 4.0, 33)  # (q_i − its mean) / s is integrated over these …
LOG_NODE_WEIGHTS = -(NODES**2) / 2 - np.log(np.exp(-(NODES**2) / 2).sum())  # … with normal weights
N_CUTS = len(SCALE) - 1
STEP = 1e-4  # of the finite differences that give the curvature


@dataclasses.dataclass(frozen=True)
class SeverityFit:
    """What the model says about raters and items. "Points" are points of the scale 1–5.

    Attributes:
        severity: (n_raters,) points that each rater gives less than the mean of all raters, if all rated every item.
        severity_se: (n_raters,) standard error of it, points.
        spread: (n_raters,) a_r; spread_se is the standard error of its logarithm.
        attention: (n_raters,) 1 − λ_r.
        n_ratings: (n_raters,) how many ratings that rests on; with 0 the other figures are the prior's and say nothing.
        consensus: (n_items,) points: what the average rater would say on average, the best guess for each item; drawn towards the
            mean of all items the more, the fewer ratings there are. NaN without a rating.
        consensus_sd: (n_items,) points: how sure that is.
        adjusted: (n_items,) points: mean of the item's scores, each moved by what its rater is off. Not drawn towards anything, so
            it can serve as the outcome of a regression; it may leave the scale a little. NaN without a rating.
        others: (m,) for each rating, the adjusted mean of the *other* ratings of its item, worked out without it; NaN where there
            is no other.
        cuts: (4,) c_k; quality_sd: s; imbalance: g, latent quality per point of z (below 0: severe raters got poorer items).
        n_parts: parts of the raters that no shared item links.
    """

    severity: np.ndarray
    severity_se: np.ndarray
    spread: np.ndarray
    spread_se: np.ndarray
    attention: np.ndarray
    n_ratings: np.ndarray
    consensus: np.ndarray
    consensus_sd: np.ndarray
    adjusted: np.ndarray
    others: np.ndarray
    cuts: np.ndarray
    quality_sd: float
    imbalance: float
    n_parts: int


@dataclasses.dataclass(frozen=True)
class _Parameters:
    severity: np.ndarray  # b_r
    spread: np.ndarray  # a_r
    lapse: np.ndarray  # λ_r
    cuts: np.ndarray
    quality_sd: float
    imbalance: float


@dataclasses.dataclass(frozen=True)
class _Design:
    """The ratings, and what is used of them again and again."""

    scores: Scores
    by_item: csr_array  # (n_items, m): sums over the ratings of each item
    n: np.ndarray  # (n_items,) ratings, at least 1
    z: np.ndarray  # (n_items,) mean severity of the item's raters, points, from differences within items

    def item_sum(self, values: np.ndarray) -> np.ndarray:
        return self.by_item @ values

    def rater_sum(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.scores.rater, values, minlength=self.scores.n_raters)


@dataclasses.dataclass(frozen=True)
class _State:
    """The model at some parameters: (m, nodes) arrays over ratings, (n_items, nodes) over items."""

    quality: np.ndarray  # (n_items, nodes)
    log_p: np.ndarray  # (m, nodes) log-probability of the score that was given
    slope: np.ndarray  # (m, nodes) its derivative by what the rater hears
    upper: np.ndarray  # (m, nodes) its derivative by the threshold above the score
    lower: np.ndarray  # (m, nodes) the same for the one below
    by_logit_lapse: np.ndarray  # (m, nodes) and by the logit of λ_r
    log_joint: np.ndarray  # (n_items, nodes)
    posterior: np.ndarray  # (n_items, nodes), sums to 1


def fit_severity(scores: Scores) -> SeverityFit:
    """Fit the model by the mode of the marginal posterior.

    Raises:
        Undefined: no item was rated by two people or more.
    """
    if not (scores.per_item >= 2).any():
        raise Undefined("Severity compares people on the same explanation, and none was rated by two people or more.")
    design = _design(scores)
    found = minimize(_loss, _start(scores.n_raters), (design,), method="L-BFGS-B", jac=True,
                     options={"maxiter": 1000, "maxfun": 2000}).x
    return _report(found, _covariance(found, design), design)


def expected_score(heard: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Mean score of a rater whose noise-free impression is `heard` (any shape), in points."""
    return LOWEST + ndtr(np.asarray(heard)[..., None] - cuts).sum(-1)


def _design(scores: Scores) -> _Design:
    m = len(scores)
    by_item = coo_array((np.ones(m), (scores.item, np.arange(m))), shape=(scores.n_items, m)).tocsr()
    n = np.maximum(scores.per_item, 1)
    return _Design(scores, by_item, n, by_item @ _within_items(scores)[scores.rater] / n)


def _start(n_raters: int) -> np.ndarray:
    """Where the search begins: raters alike, and the priors' means."""
    return _prior(n_raters)[0]


def _within_items(s: Scores) -> np.ndarray:
    """(n_raters,) points that each rater gives less than others do on the same items.

    Ridge regression of the scores on items and raters: item means are taken out, so that which items a rater got has no say.
    """
    n = np.maximum(s.per_item, 1)
    raters = coo_array((np.ones(len(s)), (s.item, s.rater)), shape=(s.n_items, s.n_raters)).tocsr()
    shared = (raters.T @ (raters / n[:, None])).toarray()
    lacking = np.bincount(s.rater, s.mean()[s.item] - s.score, minlength=s.n_raters)
    own = np.bincount(s.rater, minlength=s.n_raters)
    return np.linalg.solve(np.diag(own + WITHIN_PRIOR) - shared, lacking)


def _with_lapses(attentive: np.ndarray, lapse: np.ndarray) -> np.ndarray:
    """Expected score of a rater who attends to a part of the items only, from the expected score when attending."""
    return (1 - lapse) * attentive + lapse * SCALE.mean()


def _unpack(theta: np.ndarray, n_raters: int) -> _Parameters:
    """The vector that is optimised: b, log a, logit λ, c_1, log gaps, log s, g."""
    severity, log_spread, logit_lapse = theta[: 3 * n_raters].reshape(3, n_raters)
    rest = theta[3 * n_raters :]
    cuts = rest[0] + np.r_[0.0, np.cumsum(np.exp(rest[1:N_CUTS]))]
    return _Parameters(severity, np.exp(log_spread), expit(logit_lapse), cuts, float(np.exp(rest[N_CUTS])), float(rest[N_CUTS + 1]))


def _state(p: _Parameters, design: _Design) -> _State:
    s = design.scores
    quality = p.imbalance * design.z[:, None] + p.quality_sd * NODES
    heard = p.spread[s.rater, None] * quality[s.item] - p.severity[s.rater, None]
    bounds = np.r_[-np.inf, p.cuts, np.inf]
    above, below = bounds[s.score - LOWEST + 1, None] - heard, bounds[s.score - LOWEST, None] - heard
    lapse = p.lapse[s.rater, None]
    attentive = ndtr(above) - ndtr(below)
    share = (1 - lapse) * attentive + lapse / len(SCALE)
    upper, lower = (1 - lapse) * _normal(above) / share, (1 - lapse) * _normal(below) / share
    by_logit_lapse = lapse * (1 - lapse) * (1 / len(SCALE) - attentive) / share
    log_p = np.log(share)
    log_joint = design.item_sum(log_p) + LOG_NODE_WEIGHTS
    return _State(quality, log_p, lower - upper, upper, lower, by_logit_lapse, log_joint, _normalised(log_joint))


def _normal(x: np.ndarray) -> np.ndarray:
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def _normalised(log_weights: np.ndarray) -> np.ndarray:
    weights = np.exp(log_weights - log_weights.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def _loss(theta: np.ndarray, design: _Design) -> tuple[float, np.ndarray]:
    """Minus the log marginal posterior, and its gradient."""
    s, n_raters = design.scores, design.scores.n_raters
    p = _unpack(theta, n_raters)
    state = _state(p, design)
    top = state.log_joint.max(1)
    log_likelihood = (top + np.log(np.exp(state.log_joint - top[:, None]).sum(1))).sum()

    # Fisher's identity: the gradient of the marginal is the complete-data gradient, averaged over the posterior of the quality.
    weight = state.posterior[s.item]
    d_heard = weight * state.slope
    d_quality = p.spread[s.rater, None] * d_heard
    by_severity = design.rater_sum(-d_heard.sum(1))
    by_log_spread = design.rater_sum((d_quality * state.quality[s.item]).sum(1))
    by_logit_lapse = design.rater_sum((weight * state.by_logit_lapse).sum(1))
    place = s.score - LOWEST
    by_cut = (np.bincount(place, (weight * state.upper).sum(1), minlength=N_CUTS + 1)[:-1]
              - np.bincount(place, (weight * state.lower).sum(1), minlength=N_CUTS + 1)[1:])
    from_here_up = np.cumsum(by_cut[::-1])[::-1]  # raising a gap raises every threshold above it
    gradient = np.r_[by_severity, by_log_spread, by_logit_lapse, from_here_up[0], from_here_up[1:] * np.diff(p.cuts),
                     (d_quality * NODES).sum() * p.quality_sd, (d_quality.sum(1) * design.z[s.item]).sum()]

    mean, sd = _prior(n_raters)
    off = (theta - mean) / sd
    return -(log_likelihood - (off**2).sum() / 2), -(gradient - off / sd)


def _prior(n_raters: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and SD of the normal prior of each entry of the vector that is optimised."""
    tail = [FIRST_CUT_PRIOR, *[LOG_GAP_PRIOR] * (N_CUTS - 1), LOG_QUALITY_SD_PRIOR, (0.0, IMBALANCE_PRIOR_SD)]
    raters = [(0.0, SEVERITY_PRIOR_SD), (0.0, SPREAD_PRIOR_SD), LOGIT_LAPSE_PRIOR]
    mean, sd = np.array([prior for prior in raters for _ in range(n_raters)] + tail).T
    return mean, sd


def _covariance(theta: np.ndarray, design: _Design) -> np.ndarray:
    """Inverse of the second derivatives of the loss, which are differences of its gradient.

    Along no direction is the loss taken to be flatter than the widest prior, so that a figure is never surer than it should be
    where the mode was met only roughly.
    """
    here = _loss(theta, design)[1]
    hessian = np.array([_loss(theta + step, design)[1] - here for step in STEP * np.eye(len(theta))]) / STEP
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    return (vectors / np.maximum(values, 1 / _prior(design.scores.n_raters)[1].max() ** 2)) @ vectors.T


def _report(theta: np.ndarray, covariance: np.ndarray, design: _Design) -> SeverityFit:
    s, n_raters = design.scores, design.scores.n_raters
    p, n = _unpack(theta, n_raters), s.per_item
    state = _state(p, design)
    rated = n > 0
    average = expected_score(state.quality, p.cuts)  # (n_items, nodes) of the average rater

    heard = p.spread[s.rater, None] * state.quality[s.item] - p.severity[s.rater, None]
    lack = average[s.item] - _with_lapses(expected_score(heard, p.cuts), p.lapse[s.rater, None])  # (m, nodes) given too little
    adjusted = (design.item_sum(s.score.astype(float)) + (state.posterior * design.item_sum(lack)).sum(1)) / design.n
    without = _normalised(state.log_joint[s.item] - state.log_p)
    moved = s.score + (without * lack).sum(1)
    total = np.bincount(s.item, s.score, minlength=s.n_items)[s.item] + (without * design.item_sum(lack)[s.item]).sum(1)
    others = np.where(n[s.item] >= 2, (total - moved) / np.maximum(n[s.item] - 1, 1), np.nan)

    consensus = (state.posterior * average).sum(1)
    variance = (state.posterior * average**2).sum(1) - consensus**2
    # The mix of qualities that severity in points is averaged over: what the rated items look like, at 200 quantiles of one list.
    mix = np.quantile((state.posterior * state.quality).sum(1)[rated], (np.arange(200) + 0.5) / 200)
    present = np.bincount(s.rater, minlength=n_raters) > 0
    severity = _severity_points(theta, present, mix)
    jacobian = np.array([_severity_points(theta + step, present, mix) - severity for step in STEP * np.eye(len(theta))]).T / STEP
    severity_se = np.sqrt(np.maximum(np.einsum("ri,ij,rj->r", jacobian, covariance, jacobian), 0))
    spread_se = np.sqrt(np.maximum(np.diag(covariance)[n_raters : 2 * n_raters], 0))
    return SeverityFit(
        severity, severity_se, p.spread, spread_se, 1 - p.lapse, np.bincount(s.rater, minlength=n_raters),
        np.where(rated, consensus, np.nan), np.where(rated, np.sqrt(np.maximum(variance, 0)), np.nan),
        np.where(rated, adjusted, np.nan), others, p.cuts, p.quality_sd, p.imbalance, _n_parts(s))


def _severity_points(theta: np.ndarray, present: np.ndarray, mix: np.ndarray) -> np.ndarray:
    """(n_raters,) points below the mean of those raters who are `present`, on average over the qualities in `mix`."""
    p = _unpack(theta, len(present))
    given = expected_score(p.spread[:, None] * mix - p.severity[:, None], p.cuts).mean(1)  # when attending
    return given[present].mean() - given


def _n_parts(s: Scores) -> int:
    """Into how many parts the raters fall that no item links, directly or through others."""
    raters, place = np.unique(s.rater, return_inverse=True)
    links = coo_array((np.ones(len(s)), (place, len(raters) + s.item)), shape=(len(raters) + s.n_items,) * 2)
    _, part = connected_components(links, directed=False)
    return len(np.unique(part[: len(raters)]))
