"""Where the numbers of a page come from: the model as plain text, the run, the account of rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from occupancy.outputs import words
from occupancy.outputs.said import family_in_words


def model_document(model: Any) -> dict[str, Any]:
    """Family, formulas and priors as plain text, whatever form the model keeps them in."""
    if model is None:
        return {}
    document = model.to_dict() if hasattr(model, "to_dict") else model
    if not isinstance(document, Mapping):
        document = {
            k: getattr(model, k) for k in ("family", "formulas", "priors") if hasattr(model, k)
        }
    family = document.get("family", "")
    return {
        "family": words.clean(getattr(family, "name", family)),
        "formulas": {
            str(k): words.clean(getattr(v, "text", v)) for k, v in _items(document, "formulas")
        },
        "priors": _priors(model, document),
        **family_in_words(model),
    }


def _priors(model: Any, document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Every prior as name, distribution and meaning; what the model can tell of them goes first."""
    if hasattr(model, "prior_table"):
        rows = []
        for row in model.prior_table():
            says = row.get("says") or f"acts on {row.get('acts_on', 'the coefficient')}"
            name = words.clean(f"{row['parameter']}: {row['term']}")
            rows.append(
                {"name": name, "code": words.clean(row["prior"]), "meaning": words.clean(says)}
            )
        return rows
    return [
        {"name": words.clean(k), "code": words.clean(getattr(v, "code", v)), "meaning": ""}
        for k, v in _items(document, "priors")
    ]


def _items(document: Mapping[str, Any], key: str) -> list[tuple[Any, Any]]:
    """The pairs of a mapping, nested ones joined with a dot."""
    pairs: list[tuple[Any, Any]] = []
    for name, value in dict(document.get(key) or {}).items():
        if isinstance(value, Mapping):
            pairs += [(f"{name}.{inner}", v) for inner, v in value.items()]
        else:
            pairs.append((name, value))
    return pairs


def provenance_of(fit: Any, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Run, data hash, seed and versions; what the caller knows goes first."""
    from importlib import metadata

    def version(package: str) -> str | None:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return None

    packages = ("occupancy", "pymc", "nutpie", "numba", "numpy", "xarray")
    known: dict[str, Any] = {"engine": str(fit.engine), "seed": getattr(fit, "seed", None)}
    seen = fit.data["detection"] if fit.data is not None and "detection" in fit.data else None
    if seen is not None:
        digest = hashlib.sha256(np.ascontiguousarray(seen.to_numpy(), dtype="<f4").tobytes())
        digest.update("\0".join(map(str, seen["site"].to_numpy())).encode())
        known["data_sha256"] = digest.hexdigest()
        told = model_document(getattr(fit, "model", None))
        stated = {k: told[k] for k in ("family", "formulas", "priors", "options") if told.get(k)}
        document = json.dumps(stated, sort_keys=True)
        text = f"{known['data_sha256']} {document} {known['seed']} {known['engine']}"
        known["run"] = hashlib.sha256(text.encode()).hexdigest()[:7]
    known["versions"] = {p: v for p in packages if (v := version(p))}
    return known | dict(given or {})


def ledger_of(data: Any) -> Any:
    text = getattr(data, "attrs", {}).get("ledger", "")
    try:
        return json.loads(text) if text else None
    except json.JSONDecodeError:
        return None
