# ruff: noqa: E501  tables stand as they would in their files
"""Small Darwin Core archives, by hand: events, occurrences, measurements, Humboldt."""

import io
import zipfile

TERMS = "http://rs.tdwg.org/dwc/terms/"
ECO = "http://rs.tdwg.org/eco/terms/"
EVENTS = """id,eventID,parentEventID,locationID,eventDate,eventTime,decimalLatitude,decimalLongitude,samplingProtocol,sampleSizeValue,sampleSizeUnit
e1,e1,,A,2021-05-01,06:30/07:30,46.1,8.1,walk,100,metre
e2,e2,,A,2021-05-20,,46.1,8.1,walk,unknown,metre
e3,e3,,B,2021-05-02/2021-05-03,,46.2,8.2,net,250,metre
e4,e4,,B,2022-06-01T10:00:00Z,,46.2,8.2,walk,300,metre
"""
OCCURRENCES = """id,scientificName,taxonRank,family,occurrenceStatus,individualCount,lifeStage
e1,"Aeshna isoceles (Müller, 1767)",species,Aeshnidae,present,2,adult
e1,Aeshna isoceles,species,Aeshnidae,absent,0,larva
e1,Aeshna isoceles,species,Aeshnidae,present,3,exuviae
e2,Aeshna isoceles,species,Aeshnidae,absent,0,adult
e3,Lestes viridis,species,Lestidae,present,,adult
e3,Odonata,order,,present,1,adult
e4,Aeshna isoceles,species,Aeshnidae,present,1,adult
"""
FACTS = """id,measurementType,measurementValue,measurementUnit
e1,cloud,30,%
e2,cloud,unknown,%
e3,cloud,80,%
e4,wind,3,Bft
"""
HUMBOLDT = """id,isAbsenceReported,isTaxonomicScopeFullyReported,targetTaxonomicScope,excludedTaxonomicScope,absentTaxa,samplingEffortValue,samplingEffortUnit
e1,false,true,Aeshnidae | Lestidae,,,30,minutes
e2,true,false,,,Lestes viridis,20,minutes
e3,false,true,Odonata,Aeshnidae,,40,minutes
e4,false,false,Lestidae,,,10,minutes
"""
TABLES = {
    "event.txt": ("core", TERMS + "Event", EVENTS),
    "occurrence.txt": ("extension", TERMS + "Occurrence", OCCURRENCES),
    "facts.txt": ("extension", TERMS + "MeasurementOrFact", FACTS),
    "humboldt.txt": ("extension", ECO + "Event", HUMBOLDT),
}
STUDY = """schema = 1
[source]
format = "dwca"
[files.archive]
path = "archive"
"""


def meta(tables=None, top=""):
    """meta.xml of the tables, whose columns are those of their header lines."""
    lines = [f'{top}<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="eml.xml">']
    for name, (kind, row_type, text) in (tables or TABLES).items():
        key = "id" if kind == "core" else "coreid"
        lines.append(
            f'<{kind} encoding="UTF-8" fieldsTerminatedBy="," linesTerminatedBy="\\n" '
            f'fieldsEnclosedBy=\'"\' ignoreHeaderLines="1" rowType="{row_type}">'
            f"<files><location>{name}</location></files>"
        )
        for i, term in enumerate(text.split("\n", 1)[0].split(",")):
            lines.append(
                f'<{key} index="{i}"/>' if i == 0 else f'<field index="{i}" term="{TERMS}{term}"/>'
            )
        lines.append(f"</{kind}>")
    return "".join([*lines, "</archive>"])


def without(*names, **changes):
    """The tables less some, with other texts for others."""
    kept = {n: t for n, t in TABLES.items() if n not in names}
    for stem, text in changes.items():
        kind, row_type, _ = TABLES[f"{stem}.txt"]
        kept[f"{stem}.txt"] = (kind, row_type, text)
    return kept


def write(folder, more="", *, tables=None, packed=False, xml=None):
    """A study of an archive in a folder, or packed."""
    tables = tables or TABLES
    files = {name: text for name, (_, _, text) in tables.items()}
    files["meta.xml"] = meta(tables) if xml is None else xml
    if packed:
        with zipfile.ZipFile(folder / "archive.zip", "w", zipfile.ZIP_DEFLATED) as out:
            for name, text in files.items():
                out.writestr(name, text)
    else:
        (folder / "archive").mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / "archive" / name).write_text(text, encoding="utf-8")
    study = STUDY.replace('"archive"', '"archive.zip"') if packed else STUDY
    (folder / "study.toml").write_text(study + more, encoding="utf-8")
    return folder


def archive_study(path):
    """The text of a study of an archive, with a covariate and an effort."""
    more = '[visit_covariates.cloud]\n[dwca]\neffort = "samplingEffortValue"\n'
    return STUDY.replace('"archive"', f'"{path}"') + more


def packed():
    """The archive as the bytes of a zip file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("meta.xml", meta())
        for name, (_, _, text) in TABLES.items():
            out.writestr(name, text)
    return stream.getvalue()
