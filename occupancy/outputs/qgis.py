"""Default QGIS styles as QML text: the same classes and colours as the maps."""

from __future__ import annotations

from xml.etree import ElementTree

from occupancy.outputs import style


def graduated(
    column: str, breaks: tuple[float, ...], colours: list[str], kind: str, *, outline: str = ""
) -> str:
    """A graduated style for polygons (`kind` "fill") or points ("marker") on one column."""
    root = ElementTree.Element("qgis", version="3.34", styleCategories="Symbology")
    renderer = ElementTree.SubElement(
        root,
        "renderer-v2",
        type="graduatedSymbol",
        attr=column,
        graduatedMethod="GraduatedColor",
        symbollevels="0",
        enableorderby="0",
        forceraster="0",
    )
    ranges = ElementTree.SubElement(renderer, "ranges")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for k, colour in enumerate(colours):
        low, high = breaks[k], breaks[k + 1]
        ElementTree.SubElement(
            ranges,
            "range",
            lower=f"{low:.6f}",
            upper=f"{high:.6f}",
            symbol=str(k),
            label=f"{low:g} – {high:g}",
            render="true",
        )
        symbol = ElementTree.SubElement(
            symbols, "symbol", type=kind, name=str(k), alpha="1", clip_to_extent="1"
        )
        layer = ElementTree.SubElement(
            symbol,
            "layer",
            {"class": "SimpleFill" if kind == "fill" else "SimpleMarker"},
            enabled="1",
            locked="0",
            **{"pass": "0"},
        )
        options = ElementTree.SubElement(layer, "Option", type="Map")
        for name, value in _options(kind, colour, outline).items():
            ElementTree.SubElement(options, "Option", type="QString", name=name, value=value)
    body = ElementTree.tostring(root, encoding="unicode")
    return f"<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n{body}"


def _options(kind: str, colour: str, outline: str) -> dict[str, str]:
    edge = outline or (style.INK if kind == "marker" else colour)
    common = {"color": _rgba(colour), "outline_color": _rgba(edge), "outline_style": "solid"}
    if kind == "fill":
        width = "0.3" if outline else "0.05"
        return common | {"style": "solid", "outline_width": width, "outline_width_unit": "MM"}
    return common | {
        "name": "circle",
        "size": "2.4",
        "size_unit": "MM",
        "outline_width": "0.2",
        "outline_width_unit": "MM",
    }


def _rgba(colour: str) -> str:
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"{red},{green},{blue},255"
