"""Telephone numbers: read as people type them, kept in E.164, shown as people read them."""

from functools import cache
from importlib import resources

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

LONGEST = 60  # characters that are looked at; no number is written with more
_RENAMED = {"Asia/Saigon": "VN"}  # zones that the list of places no longer names


def e164(typed: str, region: str) -> str:
    """Return a number as it is kept: ``0901 234 567`` is ``+84901234567``; "" if it is none.

    ``region`` is the country, as ISO 3166 has it, of numbers without a country code; "" where
    those cannot be read. An extension is left out: nobody can be found by it.
    """
    text = typed.strip()
    if not text or len(text) > LONGEST:
        return ""
    try:
        read = phonenumbers.parse(text, region or None)
    except NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(read):
        return ""
    return phonenumbers.format_number(read, PhoneNumberFormat.E164)


def shown(number: str, region: str) -> str:
    """Return a number as people of a country read it; what is none stays as it is."""
    if not number.startswith("+"):
        return number
    try:
        read = phonenumbers.parse(number, None)
    except NumberParseException:
        return number
    here = phonenumbers.region_code_for_number(read) == region
    form = PhoneNumberFormat.NATIONAL if here else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(read, form)


def regions() -> list[str]:
    """Return the countries there are numbers of, by their codes."""
    return sorted(phonenumbers.SUPPORTED_REGIONS)


@cache
def region_of_zone(zone: str) -> str:
    """Return the country of a time zone; "" if it is of none, such as UTC."""
    if zone in _RENAMED:
        return _RENAMED[zone]
    places = resources.files("tzdata").joinpath("zoneinfo", "zone.tab")
    for line in places.read_text("utf-8").splitlines():
        code, *rest = line.split("\t")
        if not line.startswith("#") and len(rest) > 1 and rest[1] == zone:
            return code
    return ""
