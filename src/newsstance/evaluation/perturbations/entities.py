"""Other people, countries, amounts and dates in a passage: who and how many, never what they say."""

from __future__ import annotations

import re
from random import Random

from newsstance.evaluation.perturbations.passage import Passage, any_of, word_lists

_NAME = r"[A-Z][\w-]*[a-z](?:[’'][A-Z]\w+)?"
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "March", "July", "August", "October", "December")
"""Months of 31 days, so that any day of any month stays possible; "May" is left out: it is a verb, too."""
_ALL_MONTHS = (*_MONTHS, "February", "April", "June", "September", "November")
_SHORT_MONTHS = ("Jan.", "Mar.", "Aug.", "Oct.", "Dec.")
_ALL_SHORT_MONTHS = (*_SHORT_MONTHS, "Feb.", "Apr.", "Jun.", "Jul.", "Sep.", "Sept.", "Nov.")
_YEAR = re.compile(r"(?<![\w.,$£€/-])(19[5-9]\d|20[0-4]\d)(?![\w%/-]|[.,]\d)")
_NUMBER = re.compile(
    r"(?<![\w.,:/#-])(?!(?:19|20)\d\d\b)(\d{1,3}(?:,\d{3})+|[2-9]\d?|1\d|\d{3,9})"
    r"(?![\w%:/-]|[.,]\d|\s?(?:%|per ?cent|a\.?m|p\.?m))"
)


def swap_names(passage: Passage, random: Random) -> Passage | None:
    """Give each person named after a title ("spokesman Jan Novak") another full name wherever it stands."""
    titles = any_of(word_lists().titles)
    named = re.findall(rf"\b(?i:{titles})\s+((?:{_NAME}\s+){{0,2}}(?:al-)?{_NAME})", passage.text)
    if not named:
        return None
    whole = f"{passage.context} {passage.text}"
    pool = [name for name in word_lists().names[_gender(whole)] if name.split()[-1] not in whole]
    if not pool:
        return None
    swaps: dict[str, str] = {}
    for name in dict.fromkeys(named):
        if len(swaps) // 2 == len(pool):
            break
        words, other = name.split(), pool[(random.randrange(len(pool)) + len(swaps)) % len(pool)]
        if other in swaps.values() or words[-1] in swaps:
            continue
        if len(words) > 1:
            swaps[name] = other
        swaps[words[-1]] = other.split()[-1]
    return passage.map(lambda text: re.sub(rf"\b(?:{any_of(swaps)})\b", lambda match: swaps[match.group()], text))


def _gender(text: str) -> str:
    words = set(re.findall(r"\w+", text.lower()))
    female = words & {
        "she",
        "her",
        "hers",
        "spokeswoman",
        "ms",
        "mrs",
        "chairwoman",
        "actress",
        "mother",
        "widow",
        "sister",
        "daughter",
    }
    return "female" if female else "male"


def swap_countries(passage: Passage, random: Random) -> Passage | None:
    """Put other countries in the place of those named, country and adjective alike ("Chile ... Chileans")."""
    countries = word_lists().countries
    whole = f"{passage.context} {passage.text}"
    swaps: dict[str, str] = {}
    for country, adjective in countries.items():
        if not re.search(rf"\b(?:{country}|{adjective}s?)\b", whole):
            continue
        fits = [
            other
            for other, its in countries.items()
            if _form(its) == _form(adjective)
            and other not in swaps.values()
            and other not in whole
            and its not in whole
        ]
        if fits:
            other = random.choice(fits)
            swaps |= {country: other, adjective: countries[other], f"{adjective}s": f"{countries[other]}s"}
    if not swaps:
        return None
    return passage.map(lambda text: re.sub(rf"\b(?:{any_of(swaps)})\b", lambda match: swaps[match.group()], text))


def _form(adjective: str) -> tuple[bool, str]:
    """What must agree so that "a", "an" and plurals stay right: the first sound and the ending."""
    return adjective[0] in "AEIO", adjective[-1]


def scale_numbers(passage: Passage, random: Random) -> Passage | None:
    """Multiply all amounts by one factor, so that equal ones stay equal and larger ones larger.

    Years, days of a month, times, shares in percent, decimals and numbers that belong to a name stay as they are.
    """
    factor = 1 + random.choice((3, 5, 7)) / 10

    def scaled(match: re.Match[str]) -> str:
        if _is_day_of_month(match):
            return match.group()
        number = round(int(match.group().replace(",", "")) * factor)
        return f"{number:,}" if "," in match.group() or number >= 10_000 else str(number)

    return passage.map(lambda text: _NUMBER.sub(scaled, text))


def _is_day_of_month(match: re.Match[str]) -> bool:
    months = any_of((*_ALL_MONTHS, *_ALL_SHORT_MONTHS, "May"))
    before, after = match.string[: match.start()], match.string[match.end() :]
    return bool(re.search(rf"\b(?:{months})\s$", before) or re.match(rf"\s(?:{months})", after))


def shift_dates(passage: Passage, random: Random) -> Passage | None:
    """Move all weekdays, months and years of the passage; the same date stays the same."""
    days = random.randrange(1, len(_WEEKDAYS))
    years = random.choice((-2, -1, 1))
    swaps = {day: _WEEKDAYS[(index + days) % len(_WEEKDAYS)] for index, day in enumerate(_WEEKDAYS)}
    whole = f"{passage.context} {passage.text}"
    for every, targets in ((_ALL_MONTHS, _MONTHS), (_ALL_SHORT_MONTHS, _SHORT_MONTHS)):
        free = [month for month in targets if month not in whole]
        random.shuffle(free)
        named = (month for month in every if re.search(rf"\b{re.escape(month)}", whole))
        swaps |= dict(zip(named, free, strict=False))

    def shifted(text: str) -> str:
        text = re.sub(rf"\b(?:{any_of(swaps)})(?!\w)", lambda match: swaps[match.group()], text)
        return _YEAR.sub(lambda match: str(int(match.group()) + years), text)

    return passage.map(shifted)
