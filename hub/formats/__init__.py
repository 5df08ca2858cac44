"""Readers: CSV, fixed width, XML, JSON lines → columns of text with line numbers, in constant memory."""

from hub.formats.control import Control, add_up, disagreement, read_control
from hub.formats.csv import CsvFormat
from hub.formats.csv_names import HeaderNames
from hub.formats.fixed_width import FixedColumn, FixedWidthFormat
from hub.formats.json_lines import read_json_lines
from hub.formats.rows import Rows
from hub.formats.source import Compression, open_decoded
from hub.formats.text import known_encoding
from hub.formats.xml import BETWEEN, EVERY, elements_at, read_xml, row_steps

__all__ = [
    "BETWEEN",
    "EVERY",
    "Compression",
    "Control",
    "CsvFormat",
    "FixedColumn",
    "FixedWidthFormat",
    "HeaderNames",
    "Rows",
    "add_up",
    "disagreement",
    "elements_at",
    "known_encoding",
    "open_decoded",
    "read_control",
    "read_json_lines",
    "read_xml",
    "row_steps",
]
