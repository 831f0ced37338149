"""Which settings of a recipe do nothing next to its others, and why.

Forms grey them out. They stay in the recipe as they are: another choice may bring them back.
"""

from __future__ import annotations

from .recipe import Recipe


def inactive_settings(recipe: Recipe, *, from_scratch: bool = False) -> dict[str, str]:
    """Return the settings that do nothing in a recipe, and why.

    Parameters
    ----------
    recipe : Recipe
        All that is set.
    from_scratch : bool
        Whether training is known to start from no other model.

    Returns
    -------
    dict of str to str
        The reason, a sentence, by part and name of the setting, such as ``training.patch_size``.
    """
    reasons: dict[str, str] = {}
    for part, settings in recipe:
        for name, reason in settings.inactive(recipe).items():
            reasons[f"{part}.{name}"] = reason
    if from_scratch:
        reasons["training.frozen"] = "Training starts from scratch: no weights are there to freeze."
    return reasons
