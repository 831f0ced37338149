"""A model's card, for people to read."""

from __future__ import annotations

import html

from qtpy.QtWidgets import QTextBrowser

from ..models.card import Card
from ..models.summary import lines_of_card


class CardView(QTextBrowser):
    """Shows what a model learned, from what, and how well."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenExternalLinks(True)
        self.setPlaceholderText("No model yet")

    def show_card(self, card: Card | None) -> None:
        """Show a card, or none."""
        self.setHtml("" if card is None else card_html(card))


def card_html(card: Card) -> str:
    """Return a card as HTML: a table of two columns."""
    rows = "".join(
        f"<tr><td style='padding-right: 10px'><b>{html.escape(name[0].upper() + name[1:])}</b></td>"
        f"<td>{html.escape(text).replace(chr(10), '<br>')}</td></tr>"
        for name, text in lines_of_card(card).items()
    )
    return f"<table>{rows}</table>"
