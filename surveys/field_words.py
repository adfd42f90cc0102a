"""What columns of field tables are called in other languages; for first looks alone."""

from __future__ import annotations

import re
from collections.abc import Mapping

SITE = re.compile(
    r"site|station|locat|plot|point|square|quadrat|transect|cell|id$"
    r"|standort|fundort|punkt|fl(?:ä|ae)che|sitio|sito$|punto|parcel|estaci|esta[cç][aã]o|localid"
    r"|localit|ponto|^local$|placette|maille|^lieu|stazione|^plek|stanowisko|^lokal"
    r"|样点|样地|站点|地点|位点|样方|участок|точка|площадка",
    re.IGNORECASE,
)
SPECIES = re.compile(
    r"species|taxon|^sp$|scientific"
    r"|esp[eèé]ce|especie|espécie|^specie$|^art(?:name)?$|gatunek|^soort|物种|种名|^вид$",
    re.IGNORECASE,
)
SEASON = re.compile(
    r"^(season|year|yr|primary|period|saison|temporada|stagione|jahr|ann[eé]e|año|ano|anno|jaar"
    r"|rok|år|sezon|年|年份|год)$",
    re.IGNORECASE,
)
YEAR = re.compile(r"year|yr|jahr|ann[eé]e|año|ano|anno|jaar|rok|år|年|年份|год", re.IGNORECASE)
# Roles of a long table by names that no reader takes for them unasked.
LONG: dict[str, tuple[str, ...]] = {
    "species": (
        *("espèce", "espece", "especie", "espécie", "specie", "art", "artname", "gatunek"),
        *("soort", "物种", "种名", "вид", "taxon", "species_name", "scientific_name"),
    ),
    "season": ("saison", "temporada", "jahr", "année", "annee", "año", "anno", "jaar", "年份"),
    "visit": (
        *("begehung", "besuch", "durchgang", "visite", "passage", "visita", "rilievo", "bezoek"),
        *("wizyta", "besök", "调查", "survey", "occasion", "replicate"),
    ),
    "date": ("datum", "fecha", "data", "dato", "日期", "дата"),
    "count": (
        *("anzahl", "effectif", "nombre", "número", "numero", "cantidad", "conteo", "conteggio"),
        *("aantal", "antal", "liczba", "quantidade", "contagem", "数量", "个体数", "число"),
    ),
    "detection": (
        *("nachweis", "nachgewiesen", "présence", "presencia", "presenza", "presença", "detección"),
        *("deteccion", "détection", "detecção", "aanwezig", "rilevato"),
    ),
    "observer": (
        *("beobachter", "beobachterin", "observateur", "observador", "osservatore", "waarnemer"),
        *("obserwator", "观察者", "recorder"),
    ),
    "effort": ("aufwand", "esfuerzo", "esforço", "sforzo", "inspanning"),
}
# Coordinates: Länge and Breite may be those of a plot, so that only degrees are taken.
PLACES: dict[str, tuple[str, ...]] = {
    "longitude": ("länge", "laenge", "lengtegraad", "długość", "经度", "経度", "долгота"),
    "latitude": ("breite", "breedtegraad", "szerokość", "纬度", "緯度", "широта"),
    "easting": (
        "coordx",
        "xcoord",
        "coord.x",
        "x.coord",
        "ostwert",
        "este",
        "x-koordinate",
        "coordenada_x",
        "coord_x_m",
    ),
    "northing": (
        "coordy",
        "ycoord",
        "coord.y",
        "y.coord",
        "nordwert",
        "norte",
        "y-koordinate",
        "coordenada_y",
        "coord_y_m",
    ),
}
VISIT = re.compile(
    r"visit|begehung|besuch|durchgang|kontrolle|termin|passage|relev|riliev|bezoek|wizyt|bes[öø]k"
    r"|survey|occasion|replic|census|night|noche|nuit|nacht|stop|muestre|campan|campañ|визит"
    r"|调查|次|trial|check|r[0-9]+n|column",
    re.IGNORECASE,
)
COUNTED = (
    *("count", "counts", "n", "c", "ct", "abund", "abundance", "anzahl", "effectif", "conteo"),
)


def names_of(role: str, usual: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The usual names of a role, and those of other languages."""
    return (*usual[role], *LONG.get(role, ()))
