"""A short text as a QR image: what an authenticator reads when a second factor is set up. Called by console; draws, keeps nothing."""

from __future__ import annotations

import base64

import zint


def data_address(text: str) -> str:
    """The text as a QR in an SVG, as a ``data:`` address for an image."""
    drawn = zint.Symbol()
    drawn.symbology = zint.Symbology.QRCODE
    drawn.option_1 = 2  # level M
    drawn.output_options = zint.OutputOptions.BARCODE_MEMORY_FILE
    drawn.whitespace_width = drawn.whitespace_height = 4
    drawn.outfile = "text.svg"  # names the format only: the result stays in memory
    drawn.encode(text)
    drawn.print()
    assert drawn.memfile is not None
    return "data:image/svg+xml;base64," + base64.b64encode(bytes(drawn.memfile)).decode()
