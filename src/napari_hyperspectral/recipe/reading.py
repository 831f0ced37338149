"""Reading recipes from files, in whatever encoding an editor has written them."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from ..errors import FileFormatError
from ..system.paths import user_path
from .recipe import Recipe


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe: JSON in UTF-8, UTF-16 or UTF-32, with or without a byte-order mark.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is no text.
    ValidationError
        If it holds no recipe; the name of the file is a note of the error.
    """
    path = user_path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no recipe {str(path)!r}; `recipe --task … -o` makes one")
    content = path.read_bytes()
    try:
        text = content.decode(json.detect_encoding(content))
    except UnicodeDecodeError as error:
        raise FileFormatError(path, f"it is no text ({error})", "save it as UTF-8") from error
    try:
        return Recipe.model_validate_json(text)
    except ValidationError as error:
        error.add_note(path.name)
        raise
