"""Results of MegaDetector as a table, whichever of its dialects a file of JSON is written in.

The batch format names categories by number ("images"); newer tools write a list of pictures with
words; SpeciesNet writes "predictions", one for each picture. Models that were trained on species
write the batch format with species as categories.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from surveys.ledger import Ledger
from surveys.text_table import Table, TableSpec

MOST_BYTES = 1 << 31
COLUMNS = ["file", "datetime", "failure", "detections"]
USUAL_CATEGORIES = {"1": "animal", "2": "person", "3": "vehicle"}
# Classifiers that stop above a species say so by a last word: "vulpes species" is a genus.
_ABOVE = re.compile(r"\S+ (species|genus|family|order|class|phylum)", re.IGNORECASE)
_TAXON = ("class", "order", "family", "genus")


@dataclass(frozen=True)
class Box:
    """One box: what the detector sees in it, and the best name of a classifier where one looked.

    `rank` is that of the name where it is none of a species. `frame` counts in videos.
    """

    category: str
    confidence: float
    name: str = ""
    sure: float = 0.0
    rank: str = ""
    frame: int | None = None

    def told(self) -> list[Any]:
        """As a list that JSON can hold, as short as may be."""
        out: list[Any] = [self.category, self.confidence]
        if self.name or self.frame is not None:
            out += [self.name, self.sure, self.rank]
        return out if self.frame is None else [*out, self.frame]


def boxes_of(text: str) -> list[Box]:
    """The boxes that a cell of the column `detections` holds."""
    return [Box(*told) for told in json.loads(text)] if text else []


def is_results(told: Any) -> bool:
    """Whether JSON is results of MegaDetector or SpeciesNet."""
    if isinstance(told, dict):
        return any(isinstance(told.get(key), list) for key in ("images", "predictions"))
    first = told[0] if isinstance(told, list) and told else None
    return isinstance(first, dict) and {"file", "detections"} <= set(first)


def table_of(spec: TableSpec, ledger: Ledger) -> Table | None:
    """The results as a table, a row a picture; None where the file holds none."""
    try:
        if spec.path.stat().st_size > MOST_BYTES:
            raise ValueError("it is larger than 2 GB")
        raw = Path(spec.path).read_bytes()
        pictures = _pictures(json.loads(raw.decode("utf-8-sig")))
        rows = [_row(*picture) for picture in pictures]
    except FileNotFoundError:
        ledger.error(
            "E401",
            f"{spec.shown} is not there ([{spec.section}] path)",
            file=spec.shown,
            cure="paths count from the folder of the study file",
        )
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        why = f"a picture has no {error}" if isinstance(error, KeyError) else str(error)[:160]
        ledger.error(
            "E578",
            f"{spec.shown} holds no results of MegaDetector: {why}",
            file=spec.shown,
            cure="run MegaDetector again, or copy the file again",
        )
        return None
    frame = pd.DataFrame(rows, columns=COLUMNS, dtype=object)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    found = {
        "file": spec.shown,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "bytes": len(raw),
        "rows": len(frame),
        "look": f"{len(frame)} pictures",
    }
    _refuse_per_cent(spec, pictures, ledger)
    return Table(spec, frame, found)


def _refuse_per_cent(spec: TableSpec, pictures: list[Picture], ledger: Ledger) -> None:
    """Confidences run from 0 to 1; beyond it every box would be above any threshold."""
    for number, (file, _, _, boxes) in enumerate(pictures, start=1):
        beyond = [c for b in boxes for c in (b.confidence, b.sure) if not 0 <= c <= 1]
        if beyond:
            ledger.error(
                "E054",
                f"{spec.shown}, picture {number} ({file}), conf: {beyond[0]:g} is not between 0 "
                "and 1",
                file=spec.shown,
                row=number,
                column="conf",
                cure="if these are per cent, divide them by 100",
            )


Picture = tuple[Any, Any, Any, list[Box]]  # file, moment, failure, boxes


def _row(file: Any, moment: Any, failure: Any, boxes: list[Box]) -> list[str]:
    if not isinstance(file, str) or not file:
        raise ValueError("a picture has no file name")
    if isinstance(failure, list):
        failure = ", ".join(map(str, failure))
    told = json.dumps([b.told() for b in boxes], ensure_ascii=False) if boxes else ""
    return [file, str(moment) if moment else "", str(failure or ""), told]


def _pictures(told: Any) -> list[Picture]:
    if not is_results(told):
        raise ValueError('it has no list of "images"')
    if isinstance(told, list):
        return [_in_words(image) for image in told]
    if "predictions" in told and "images" not in told:
        return [_predicted(image) for image in told["predictions"]]
    if any(isinstance(i, dict) and "file" not in i and "file_name" in i for i in told["images"]):
        raise ValueError(
            'it is of the COCO format ("file_name"), which holds labels of people. Write them as a '
            "table of records: station, species, date and time"
        )
    categories = told.get("detection_categories") or USUAL_CATEGORIES
    names = told.get("classification_categories") or {}
    ranks = _ranks(names, told.get("classification_category_descriptions") or {})
    return [_of_batch(image, categories, names, ranks) for image in told["images"]]


def _in_words(image: dict[str, Any]) -> Picture:
    """A picture whose boxes name their category and have a "confidence"."""
    boxes = []
    for box in image.get("detections") or []:
        confidence = box["confidence"] if "confidence" in box else box["conf"]
        category = str(box["category"])
        boxes.append(Box(USUAL_CATEGORIES.get(category, category), float(confidence)))
    return image["file"], image.get("datetime"), image.get("failure"), boxes


# --- the batch format --------------------------------------------------------------------------


def _of_batch(
    image: dict[str, Any],
    categories: dict[str, Any],
    names: dict[str, Any],
    ranks: dict[str, str],
) -> Picture:
    boxes = []
    for box in image.get("detections") or []:
        category = str(categories.get(str(box["category"]), "unknown"))
        name, sure, rank = "", 0.0, ""
        classes = box.get("classifications") or []
        if classes:
            key, sure = max(classes, key=lambda c: float(c[1]))
            name, rank = str(names.get(str(key), key)), ranks.get(str(key), "")
        frame = box.get("frame_number")
        boxes.append(
            Box(category, float(box["conf"]), name, float(sure), rank, _whole_or_none(frame))
        )
    return image["file"], image.get("datetime"), image.get("failure"), boxes


def _whole_or_none(value: Any) -> int | None:
    return None if value is None else int(value)


def _ranks(names: dict[str, Any], descriptions: dict[str, Any]) -> dict[str, str]:
    """Ranks of the categories that are no species, by what describes them or by their last word."""
    out = {}
    for key, name in names.items():
        taxon = str(descriptions.get(key, "")).split(";")
        if len(taxon) == 7:
            rank = _taxon(taxon)[1]
            out[str(key)] = rank if rank in _TAXON else ""
        elif above := _ABOVE.fullmatch(str(name).strip()):
            word = above[1].casefold()
            out[str(key)] = "genus" if word == "species" else word
    return out


# --- SpeciesNet --------------------------------------------------------------------------------


def _predicted(image: dict[str, Any]) -> Picture:
    """One prediction for a picture, which is that of each animal in it."""
    detections = image.get("detections") or []
    boxes = [
        Box(str(b.get("label") or USUAL_CATEGORIES.get(str(b["category"]), "unknown")), b["conf"])
        for b in detections
    ]
    classes = image.get("classifications") or {}
    prediction, sure = image.get("prediction"), image.get("prediction_score")
    if prediction is None and classes.get("classes"):
        prediction, sure = classes["classes"][0], classes["scores"][0]
    if prediction is not None:
        name, rank = _taxon([*str(prediction).split(";"), *[""] * 6][:7])
        sure = float(1 if sure is None else sure)
        # A picture that nobody drew a box in, or whose boxes are faint, has its prediction all the
        # same: it goes to the surest box, and to the others as far as they count.
        best = max((b.confidence for b in boxes), default=0.0)
        boxes = boxes or [Box("unknown", sure)]
        boxes = [
            Box(
                "animal" if b.category == "animal" else "unknown",
                max(b.confidence, sure) if b.confidence == best else b.confidence,
                name,
                sure,
                rank,
            )
            for b in boxes
        ]
    return image["filepath"], image.get("datetime"), image.get("failures"), boxes


def _taxon(told: list[str]) -> tuple[str, str]:
    """The name and, above species, the rank of id;class;order;family;genus;species;common name."""
    *taxon, species, common = (t.strip() for t in told[1:])
    if taxon[3].casefold() == "homo":
        return "human", ""
    if taxon[3] and species and taxon[3].casefold() not in ("no cv result", "unknown", "blank"):
        return f"{taxon[3].capitalize()} {species}", "subspecies" if " " in species else ""
    for rank, name in zip(_TAXON[::-1], taxon[::-1], strict=True):
        if name and name.casefold() != common.casefold():
            return name.capitalize(), rank
    return common or "unknown", ""
