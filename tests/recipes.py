"""Recipes and augmentations that a test gives, resolved as training has them."""

from typing import Any

from lineup.config import schema
from lineup.config.resolve import resolve_recipe
from lineup.settings.run import Augmentation, Phase, Recipe

LEAST: dict[str, Any] = {"epochs": 1, "batch_size": 16, "lr": 0.01}


def make_recipe(**values: Any) -> Recipe:
    """The recipe of an entry that states `values`."""
    return resolve_recipe(schema.Recipe.model_validate({**LEAST, **values}))


def make_phase(**changes: Any) -> Phase:
    """A phase that overrides `changes`."""
    return make_recipe(phases={"part": changes}).phases[0]


def make_augmentation(**options: Any) -> Augmentation:
    """The augmentation of an entry that states `options`."""
    return Augmentation(**schema.Augment.model_validate(options).model_dump())
