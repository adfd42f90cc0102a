"""Scores of a classifier: their scale, the thresholds, and the species that reach them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from surveys.ledger import Ledger
from surveys.problems import listing
from surveys.readers import roles, sound_tables
from surveys.readers.deployments import column_of
from surveys.readers.sound_tables import Sounds
from surveys.study_file import StudyFile
from surveys.text_table import Table

# Labels of BirdNET that are no animal of the survey.
LABELS = {
    **dict.fromkeys(("nocall", "no call", "absent", "negative"), "blank"),
    **dict.fromkeys(("human vocal", "human non-vocal", "human whistle"), "human"),
    **dict.fromkeys(("dog", "engine", "environmental", "fireworks", "gun", "noise"), "noise"),
    **dict.fromkeys(("power tools", "siren", "gunshot", "background"), "noise"),
}


def check_scores(study: StudyFile, sounds: Sounds, keys: dict, ledger: Ledger) -> None:
    """Scores on their scale: after the divisor confidences lie between 0 and 1."""
    frame = sounds.frame
    frame["score"] = frame["score"] / float(keys.get("score_divisor", 1))
    if sounds.logits:
        return
    with np.errstate(invalid="ignore"):
        bad = (frame["score"] > 1) | (frame["score"] < 0)
    if bad.any():
        first = frame[bad].iloc[0]
        table = sounds.tables[int(first["table"])]
        row = int(table.rows[int(first["at"])])
        column = column_of(table, "score", Ledger(), sound_tables.USUAL)
        value = first["score"] * float(keys.get("score_divisor", 1))
        over = first["score"] > 1
        ledger.error(
            "E054",
            f"{table.place}, row {row}, column {column}: {value:g} is "
            + (f"over {keys.get('score_divisor', 1):g}" if over else "below 0")
            + "; scores run from 0 to 1",
            file=table.place,
            row=row,
            column=str(column),
            cure="if these are per cent, set [birdnet] score_divisor = 100"
            if over
            else "if these are logits, call the column logit",
            more=f"{int(bad.sum())} such rows" if bad.sum() > 1 else "",
        )


def species_of(
    study: StudyFile, table: Table, names: np.ndarray, ledger: Ledger
) -> tuple[np.ndarray, np.ndarray]:
    """Species of each row, and why a row is of none."""
    shown, reason = roles.species_names(study, table, names, ledger)
    plain = {n: LABELS.get(roles.plain_name(n), "") for n in set(names)}
    label = np.array([plain[n] for n in names], dtype=object)
    reason = np.where(label != "", label, reason)
    what = pd.Series(reason[reason != ""])
    told = np.array(
        [r if r == "" or r.startswith("excluded") else f"not a species: {r}" for r in reason],
        dtype=object,
    )
    if len(what):
        counted = ", ".join(f"{n} {k}" for k, n in what.value_counts().sort_index().items())
        ledger.note(
            "N053", f"{table.place}: set aside as not a species: {counted}", file=table.file
        )
    return shown, told


def over_threshold(study: StudyFile, sounds: Sounds, keys: dict, ledger: Ledger) -> np.ndarray:
    """Rows that are detections: at the threshold of their species, or above."""
    frame = sounds.frame
    by_species = keys.get("threshold_by_species", {})
    if "threshold" not in keys and not by_species and frame["score"].notna().any():
        ledger.warn(
            "W689",
            f"{sounds.tables[0].place}: no threshold was told, so that all rows are detections, "
            f"from a score of {frame['score'].min():g} on",
            file=sounds.tables[0].file,
            why="most rows of low scores are mistakes",
            cure="[birdnet] threshold = 0.5; or leave the scores as they are: family scores",
        )
    least = np.full(len(frame), float(keys.get("threshold", -np.inf)))
    plain = frame["species"].map(roles.plain_name).to_numpy(dtype=object)
    unknown = []
    for name, level in by_species.items():
        mine = plain == roles.plain_name(name)
        least[mine] = float(level)
        if not mine.any():
            unknown.append(name)
    if unknown:
        ledger.note(
            "N687",
            f"{study.name}: [birdnet] threshold_by_species: {listing(unknown)} "
            f"{'was' if len(unknown) == 1 else 'were'} not heard by that name",
            file=study.name,
        )
    score = frame["score"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        return np.isnan(score) | (score >= least)


def kept_species(
    study: StudyFile, frame: pd.DataFrame, over: np.ndarray, aside: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """Rows of species that were detected somewhere, or that the study names; and the species."""
    told = study.section("study").get("species", [])
    told = [told] if isinstance(told, str) else list(told)
    seen = set(frame["species"][(aside == "") & over])
    species = sorted({*seen, *told}) or ["species"]
    return frame["species"].isin(species).to_numpy(), species
