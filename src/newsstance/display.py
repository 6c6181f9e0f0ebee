"""How the labels look to people: names, letters and colours, the same in every page and figure."""

from __future__ import annotations

from dataclasses import dataclass

from newsstance.stances import Label


@dataclass(frozen=True, slots=True)
class LabelStyle:
    """How one label is shown.

    Attributes:
        name: In words.
        letter: In one letter, so that colour is never the only sign.
        light: Colour of lines and text on white; contrast at least 4.5 : 1.
        dark: The same on a dark page.
        light_mark: Background of marked text on white.
        dark_mark: Background of marked text on a dark page.
    """

    name: str
    letter: str
    light: str
    dark: str
    light_mark: str
    dark_mark: str


LABEL_STYLES: dict[Label, LabelStyle] = {
    "acknowledgement": LabelStyle("acknowledgement", "A", "#0b5cad", "#7db7ff", "#cfe4fb", "#16395c"),
    "denial": LabelStyle("denial", "D", "#b0390b", "#ff9f70", "#fddccb", "#5c2a14"),
    "third_party_skepticism": LabelStyle("third-party skepticism", "S", "#6b3fa0", "#cbaaff", "#e6d9f7", "#3f2a5c"),
}
"""Label → its style."""


def label_css() -> str:
    """CSS that defines ``--LABEL`` and ``--LABEL-mark`` for each label, in light and dark."""
    light = " ".join(f"--{label}: {s.light}; --{label}-mark: {s.light_mark};" for label, s in LABEL_STYLES.items())
    dark = " ".join(f"--{label}: {s.dark}; --{label}-mark: {s.dark_mark};" for label, s in LABEL_STYLES.items())
    screen_dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    return f":root {{ {light} }}\n{screen_dark}"
