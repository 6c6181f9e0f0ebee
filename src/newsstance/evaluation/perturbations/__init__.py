"""Changes to a sentence that leave its stances as they are: the invariance tests of the behaviour suite.

Each perturbation is a function of a `Passage` and a random generator that gives the changed passage, or None where it
does not apply. Same passage and same generator state, same result.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from newsstance.evaluation.perturbations import entities, surface
from newsstance.evaluation.perturbations.passage import Passage

__all__ = ["PERTURBATIONS", "Passage", "Perturbation"]


@dataclass(frozen=True, slots=True)
class Perturbation:
    """One way to change a passage without changing its stances.

    Attributes:
        name: As named in results.
        description: What is changed, for readers of the report.
        apply: The changed passage, or None where there is nothing to change.
    """

    name: str
    description: str
    apply: Callable[[Passage, Random], Passage | None]


PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation("names", "other people's names", entities.swap_names),
    Perturbation("countries", "other countries and their adjectives", entities.swap_countries),
    Perturbation("numbers", "all amounts scaled by one factor", entities.scale_numbers),
    Perturbation("dates", "other weekdays, months and years", entities.shift_dates),
    Perturbation("quotation_marks", "straight, curly or single quotation marks", surface.change_quotation_marks),
    Perturbation("spelling", "British for American spelling and the reverse", surface.change_spelling),
    Perturbation("letter_case", "a headline in capitals, title case or sentence case", surface.change_headline_case),
    Perturbation("caption", "a caption or credit glued to the end", surface.append_caption),
    Perturbation("typos", "two letters of a long word swapped", surface.add_typo),
)
"""All perturbations, in the order of the report."""
