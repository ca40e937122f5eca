"""Templates in two languages: one Jinja environment each, over one folder.

Catalogues are read from their ``.po`` files at start, so that what translators edit is what
runs and no compiled file has to be kept in step.
"""

import gettext
import io
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_eval_context
from jinja2.bccache import Bucket, BytecodeCache
from jinja2.nodes import EvalContext
from markupsafe import Markup

LANGUAGES = ("vi", "en")
PACKAGE = Path(__file__).parent
MARKS = ("layouts/_macros.html", ("icon", "kbd", "logo", "prio"))  # macros of few arguments


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


def _speaks(language: str) -> Callable[..., str]:
    """Return a template's ``_``: what Jinja's own gives, without its way for each sentence.

    A page has over a hundred of them, most without a value in it.
    """
    say = translator(language).gettext
    plain: dict[str, str] = {}  # template sentences, so they are as many as there are
    marked: dict[str, Markup] = {}

    @pass_eval_context
    def speak(eval_ctx: EvalContext, sentence: str, **values: Any) -> str:
        if not eval_ctx.autoescape:
            if values:
                return say(sentence) % values
            if sentence not in plain:
                plain[sentence] = say(sentence) % {}
            return plain[sentence]
        if values:
            return Markup(say(sentence)) % values  # noqa: S704 -- sentences are ours
        if sentence not in marked:
            marked[sentence] = Markup(say(sentence)) % {}  # noqa: S704
        return marked[sentence]

    return speak


class _Shared(BytecodeCache):
    """Compiles a template once for both languages, and keeps it in memory only."""

    def __init__(self) -> None:
        self._code: dict[str, Any] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._code.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.code


_compiled = _Shared()


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
        bytecode_cache=_compiled,
    )
    made.install_gettext_translations(translator(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals["_"] = made.globals["gettext"] = _speaks(language)
    return made


def give_all(**values: Any) -> None:
    """Give every template a value: also macros that are imported once, without a page's own."""
    template, macros = MARKS
    for language in LANGUAGES:
        made = environment(language)
        made.globals.update(values)
        module = made.get_template(template).module
        for name in macros:  # a page has them by the hundred, and few that differ
            macro = getattr(module, name)
            if not hasattr(macro, "cache_info"):
                setattr(module, name, lru_cache(maxsize=1000)(macro))


def render(language: str, name: str, /, **values: Any) -> str:
    """Render one template in one language."""
    spoken = language if language in LANGUAGES else "en"
    return environment(spoken).get_template(name).render(lang=spoken, **values)
