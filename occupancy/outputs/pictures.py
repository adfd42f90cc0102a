"""Figures as addresses that hold the whole picture, for pages that need no other file."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING

from occupancy.outputs import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PATH = re.compile(rb'(?<= d=")[^"]*')
_DIGITS = re.compile(rb"(\.\d\d)\d+")
_BLANKS = re.compile(rb"\s*([A-Za-z])\s*")


def as_lines(figure: Figure, alt: str) -> dict[str, str]:
    """A drawing of lines (SVG) with its alternative text."""
    out = io.BytesIO()
    with style.drawing():
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return {"src": address(_squeezed(out.getvalue()), "image/svg+xml"), "alt": alt}


def as_pixels(figure: Figure, alt: str, dpi: int) -> dict[str, str]:
    """A picture of points (PNG) with its alternative text, for what has very many cells."""
    out = io.BytesIO()
    with style.drawing():
        figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None})
    return {"src": address(out.getvalue(), "image/png"), "alt": alt}


def address(content: bytes, kind: str) -> str:
    """The content itself as an address."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _squeezed(svg: bytes) -> bytes:
    """The same drawing in half the bytes: hundredths of a point, no blanks between elements."""
    svg = _PATH.sub(lambda m: _BLANKS.sub(rb"\1", _DIGITS.sub(rb"\1", m[0])), svg)
    return re.sub(rb">\s+<", b"><", re.sub(rb"<metadata>.*?</metadata>", b"", svg, flags=re.S))
