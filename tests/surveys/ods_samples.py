"""Open-document spreadsheets by hand: the parts that a reader looks at, and no more."""

import datetime
import io
import zipfile
from xml.sax.saxutils import escape, quoteattr

NAMES = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
    for short, long in (("office", "office"), ("table", "table"), ("text", "text"))
)
KIND = "application/vnd.oasis.opendocument.spreadsheet"


def ods(rows, *, sheet="Data", hidden=(), merged=None):
    """Bytes of a spreadsheet; `hidden` are rows from 1, `merged` {(row, column): rows spanned}."""
    lines = []
    for i, row in enumerate(rows, start=1):
        shape = ' table:visibility="filter"' if i in hidden else ""
        cells = [_cell(v, (merged or {}).get((i, j), 1)) for j, v in enumerate(row, start=1)]
        lines.append(f"<table:table-row{shape}>{''.join(cells)}</table:table-row>")
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {NAMES} '
        'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0" '
        'office:version="1.2"><office:body><office:spreadsheet>'
        f"<table:table table:name={quoteattr(sheet)}>{''.join(lines)}</table:table>"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        '<?xml version="1.0"?><manifest:manifest '
        'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{KIND}"/>'
        "</manifest:manifest>"
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", KIND)
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)
    return stream.getvalue()


def _cell(value, spanned):
    span = f' table:number-rows-spanned="{spanned}"' if spanned > 1 else ""
    if value is None:
        return f"<table:table-cell{span}/>"
    if isinstance(value, bool):
        told = f'office:value-type="boolean" office:boolean-value="{str(value).lower()}"'
    elif isinstance(value, int | float):
        told = f'office:value-type="float" office:value="{value}"'
    elif isinstance(value, datetime.date):
        told = f'office:value-type="date" office:date-value="{value.isoformat()}"'
    elif value.startswith("#"):
        told = 'table:formula="of:=1/0" office:value-type="string" calcext:value-type="error"'
    else:
        told = 'office:value-type="string"'
    return (
        f"<table:table-cell{span} {told}><text:p>{escape(str(value))}</text:p></table:table-cell>"
    )
