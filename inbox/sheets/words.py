"""What is wrong with a sheet, in words; ``say`` translates a sentence."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from inbox.sheets.fields import OWN
from inbox.templating import N_

Say = Callable[[str], str]

FIELD_NAMES = {
    "account": N_("account"),
    "reference": N_("reference"),
    "kind": N_("kind"),
    "owner": N_("owner"),
    "backup": N_("backup"),
    "status": N_("status"),
    "value": N_("value"),
    "tier": N_("tier"),
    "product_groups": N_("product groups"),
    "account_language": N_("language of the account"),
    "since": N_("customer since"),
    "contact": N_("contact"),
    "email": N_("e-mail"),
    "phone": N_("phone"),
    "position": N_("position"),
    "language": N_("language"),
}
ROW_FAULTS = {
    "too_long": N_("“%(field)s” is longer than 200 characters."),
    "unknown": N_("“%(about)s” is not known as %(field)s."),
    "no_email": N_("“%(about)s” is no e-mail address."),
    "no_phone": N_("“%(about)s” is no phone number."),
    "no_date": N_("“%(about)s” is no date: write 2026-03-31 or 31/03/2026."),
    "nobody": N_("Nobody who works here signs in as “%(about)s”."),
    "same_person": N_("Owner and backup are the same person."),
    "no_product": N_("“%(about)s” names a product group that there is not."),
    "nothing": N_("The row names neither an account nor an address."),
    "no_account": N_("The row says something of an account without naming it."),
    "no_address": N_("A contact needs an e-mail address or a phone number."),
    "too_many_cells": N_("The row has more cells than there are columns."),
    "several": N_("Several accounts are called “%(about)s”: give the reference."),
    "no_such_account": N_("No account has the reference “%(about)s”, and none is named."),
    "differs": N_("Line %(about)s says another %(field)s for this account."),
    "twice": N_("Line %(about)s has the same contact and says something else."),
    "other_contact": N_("The address is one contact’s, the phone number another’s."),
    "restricted": N_("The data of this contact is kept as it is: nothing may be done with it."),
    "suppressed": N_("The data of this person was erased and is not brought in again."),
}
FILE_FAULTS = {
    "empty": N_("The file has no rows."),
    "encoding": N_("Line %(line)s is not written in %(about)s. Save the file as “CSV UTF-8”."),
    "no_columns": N_("The first line names no column that we know."),
    "no_key": N_(
        "A column with accounts, references, e-mail addresses or phone numbers is needed."
    ),
    "twice": N_("Two columns are called %(field)s."),
    "quotes": N_("From line %(line)s on it cannot be read: a quotation mark is not closed."),
    "too_many_rows": N_("It has more than %(about)s rows. Cut it into several files."),
    "too_large": N_("It has more than %(about)s MB. Cut it into several files."),
    "too_many_columns": N_("It has more than %(about)s columns."),
    "binary": N_("Line %(line)s is no text. Save the sheet as CSV first."),
    "stopped": N_("It stopped on its way. What was brought in stays; it can go on."),
}


def field_name(name: str, say: Say) -> str:
    """Return what a field is called; one of the company's own by its own name."""
    if name.startswith(OWN):
        return name[len(OWN) :]
    return say(FIELD_NAMES[name]) if name in FIELD_NAMES else ""


def row_sentence(wrong: Sequence[Sequence[str]], say: Say) -> str:
    """Return what is wrong with a row, each fault a sentence."""
    return " ".join(
        say(ROW_FAULTS[reason]) % {"field": field_name(name, say), "about": about}
        for name, reason, about in wrong
    )


def file_sentence(error: Mapping[str, Any], say: Say) -> str:
    """Return why a file as a whole cannot be used."""
    about = str(error["about"])
    values = {"line": error["line"], "about": about, "field": field_name(about, say)}
    return say(FILE_FAULTS[error["reason"]]) % values
