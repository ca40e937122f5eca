"""Public holidays of a country, Tết with the rest, as proposals for a calendar."""

from datetime import date


def public_holidays(
    country: str, years: list[int], language: str = "en"
) -> list[tuple[date, str]]:
    """List a country's public holidays with their names, in order of date.

    Days off in lieu are among them; the working days that some governments set for these are
    not, and belong into a calendar's special days.

    Parameters
    ----------
    country : str
        Two letters, ISO 3166-1, such as VN.
    years : list of int
        Years of the Gregorian calendar. Dates of a coming year may be estimates until that
        country has announced them.
    language : str, default="en"
        en or vi; a country whose names do not exist in it answers in English, else in its own.

    Raises
    ------
    ValueError
        If the country is unknown.
    """
    # The library takes 0.3 s to import; only the settings page needs it.
    from holidays import country_holidays  # noqa: PLC0415

    try:
        supported = country_holidays(country.upper()).supported_languages
        found = country_holidays(
            country.upper(), years=years, language=_choose(language, supported)
        )
    except NotImplementedError:
        raise ValueError(
            f'We know no holidays of "{country}"; use two letters such as VN.'
        ) from None
    return sorted(found.items())


def _choose(language: str, supported: tuple[str, ...]) -> str | None:
    """Take the language itself or a region's form of it, else English, else the country's."""
    for wanted in (language, "en"):
        for name in supported:
            if name == wanted or name.startswith(f"{wanted}_"):
                return name
    return None
