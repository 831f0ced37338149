"""Units as people and programs write them, brought to one spelling before they are compared."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

_ESCAPE: Final = re.compile(r"\\u([0-9a-f]{4})|\\x([0-9a-f]{2})", re.IGNORECASE)
r"""A character that a program wrote by its number, as in ``\u03BCm``."""
_MARKUP: Final = (  # of LaTeX, and of text that lost its encoding
    (r"\\(?:text|mathrm|mathit|rm|mbox|unit|si)(?![a-z])\s*", ""),
    (r"\\(?:text)?mu(?![a-z])|\\micro(?![a-z])", "u"),
    (r"\\(?:AA|angstrom)(?![a-z])", "Å"),
    (r"[$\\{}~\0]", ""),
    (r"[‐‑‒–—−]", "-"),
    (r"\*\*", "^"),
    # a lone replacement character was a µ in an encoding that nobody knows any more
    (r"[\u03bc\ufffd]\s*(?=m|s\b)", "u"),
)
_BRACKETS: Final = {"(": ")", "[": "]", "<": ">", '"': '"', "'": "'"}


def plain_unit(text: str) -> str:
    """Return a unit without quotes, brackets and markup, µ as u and superscripts as digits.

    What is in brackets behind something else stays there: "Wavelength (nm)" is a title.
    """
    plain = _ESCAPE.sub(_character, text)
    plain = _repaired(html.unescape(plain))
    plain = unicodedata.normalize("NFKC", plain)
    for pattern, replacement in _MARKUP:
        plain = re.sub(pattern, replacement, plain)
    return _unwrapped(plain)


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2], 16))


def _repaired(text: str) -> str:
    """Return a text whose UTF-8 was read as latin-1, or Windows' variant, as it was meant."""
    for encoding in ("latin-1", "cp1252"):
        try:
            return text.encode(encoding).decode("utf-8")
        except UnicodeError:  # it is not of that kind
            continue
    return text


def _unwrapped(text: str) -> str:
    """Return the unit in a list or tuple that a program printed, as ``('nm',)`` or ``b'nm'``."""
    text = text.strip().rstrip(",;").rstrip()
    text = re.sub(r"^[bu](?=['\"])", "", text)
    if "," in text.strip("([<>])"):
        listed = text[1:-1] if text[0] in "([<" else text
        parts = {_unwrapped(part) for part in listed.split(",") if part.strip()}
        return parts.pop() if len(parts) == 1 else text  # one for each band, all the same
    closing = _BRACKETS.get(text[:1])
    if closing is not None and len(text) > 1 and text.endswith(closing):
        return _unwrapped(text[1:-1])
    return text
