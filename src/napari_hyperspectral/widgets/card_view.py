"""The card of a model, as a page in a dock."""

from __future__ import annotations

import html

from qtpy.QtWidgets import QTextBrowser

from ..models.card import Card
from ..models.summary import lines_of_card


class CardView(QTextBrowser):
    """Shows what a model was trained on, how, and its figures of merit."""

    def __init__(self) -> None:
        super().__init__()
        self.setOpenExternalLinks(True)
        self.setPlaceholderText("No model")

    def show_card(self, card: Card | None) -> None:
        """Show a card, or none."""
        self.setHtml("" if card is None else card_html(card))


def card_html(card: Card) -> str:
    """Return a card as HTML: a table of two columns."""
    rows = []
    for name, text in lines_of_card(card).items():
        title = html.escape(name[0].upper() + name[1:])
        lines = html.escape(text).replace("\n", "<br>")
        rows.append(f"<tr><td style='padding-right: 10px'><b>{title}</b></td><td>{lines}</td></tr>")
    return f"<table>{''.join(rows)}</table>"
