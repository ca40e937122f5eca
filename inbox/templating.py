"""Templates in two languages: one Jinja environment each, over one folder.

Catalogues are read from their ``.po`` files at start, so that what translators edit is what
runs and no compiled file has to be kept in step.
"""

import gettext
import io
import re
from collections.abc import Callable, MutableMapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    Template,
    nodes,
    pass_eval_context,
)
from jinja2.environment import TemplateModule
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer
from markupsafe import Markup, escape

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


_SPECIAL = re.compile("[&<>\"']").search


def escaped(value: Any) -> str:
    """Return what a template prints: as ``markupsafe.escape``, but most words as they are."""
    kind = type(value)
    if kind is Markup or (kind is str and not _SPECIAL(value)):
        return value  # type: ignore[no-any-return] # both are text
    return escape(value)


class _Plain(Template):
    """Asks for less each time: no globals of the page for an import, no object for a word."""

    @classmethod
    def _from_namespace(
        cls,
        environment: Environment,
        namespace: MutableMapping[str, Any],
        globals: MutableMapping[str, Any],
    ) -> Template:
        namespace["escape"] = escaped
        return super()._from_namespace(environment, namespace, globals)

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return super()._get_default_module()


class _Spoken(Environment):
    """Says plain sentences, and draws icons, when a template is compiled.

    They are one text with the markup round them then: a page has hundreds, and each would be a
    call every time that it is shown.
    """

    template_class = _Plain

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        if name == MARKS[0]:
            return tree
        found: nodes.Template = _Saying(self).visit(tree)
        return found


class _Saying(NodeTransformer):
    """Puts what a call with nothing but constants gives in the call's place."""

    def __init__(self, made: Environment) -> None:
        self._made = made
        self._speak: Any = made.globals["_"]

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 -- Jinja's name
        self.generic_visit(node)
        given = [*node.args, *(one.value for one in node.kwargs)]
        if not isinstance(node.node, nodes.Name) or node.dyn_args or node.dyn_kwargs:
            return node
        if not all(isinstance(one, nodes.Const) for one in given):
            return node
        name = node.node.name
        args = [one.as_const() for one in node.args]
        values = {one.key: one.value.as_const() for one in node.kwargs}
        if name == "_":
            said = self._speak(EvalContext(self._made), *args, **values)
        elif name in MARKS[1]:
            macros = self._made.get_template(MARKS[0]).module
            said = getattr(macros, name)(*args, **values)
        else:
            return node
        return nodes.Const(said, lineno=node.lineno, environment=self._made)

    def visit_ScopedEvalContextModifier(  # noqa: N802
        self, node: nodes.ScopedEvalContextModifier
    ) -> nodes.Node:
        return node  # text that is not escaped, as of a plain mail: rare, and not markup


@cache
def environment(language: str) -> Environment:
    """Return the Jinja environment that speaks ``language`` (``vi`` or ``en``)."""
    made = _Spoken(
        loader=FileSystemLoader(folder()),
        autoescape=True,  # templates of plain-text mail say {% autoescape false %} themselves
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
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
