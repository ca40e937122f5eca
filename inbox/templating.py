"""Templates in two languages: one Jinja environment each, over one folder.

Catalogues are read from their ``.po`` files at start, so that what translators edit is what
runs and no compiled file has to be kept in step.
"""

import gettext
import io
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined

LANGUAGES = ("vi", "en")
PACKAGE = Path(__file__).parent


def N_(text: str) -> str:  # noqa: N802 -- gettext's name for "translate later"
    """Mark a text for translators where it is not translated yet."""
    return text


def folder() -> Path:
    """Return where the templates are: in the wheel inside the package, else beside it."""
    packed = PACKAGE / "_templates"
    return packed if packed.is_dir() else PACKAGE.parent / "templates"


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """Return a language's messages; English is what the code and templates say themselves."""
    path = PACKAGE / "locale" / language / "LC_MESSAGES" / "kip.po"
    if not path.exists():
        return gettext.NullTranslations()
    with path.open("rb") as file:
        messages = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, messages)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def translator(language: str) -> gettext.NullTranslations:
    """Return the messages for a language we speak; any other gets English."""
    return catalogue(language if language in LANGUAGES else "en")


@cache
def environment(language: str) -> Environment:
    """Return the Jinja environment that speaks ``language`` (``vi`` or ``en``)."""
    made = Environment(
        loader=FileSystemLoader(folder()),
        autoescape=True,  # templates of plain-text mail say {% autoescape false %} themselves
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translator(language), newstyle=True)  # type: ignore[attr-defined]
    return made


def give_all(**values: Any) -> None:
    """Give every template a value: also macros that are imported once, without a page's own."""
    for language in LANGUAGES:
        environment(language).globals.update(values)


def render(language: str, name: str, /, **values: Any) -> str:
    """Render one template in one language."""
    spoken = language if language in LANGUAGES else "en"
    return environment(spoken).get_template(name).render(lang=spoken, **values)
