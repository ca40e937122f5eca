"""Score the reader on the sample mails beside the project, where there are any."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from inbox.channels.mime import parse
from inbox.commands.mail import as_dict

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpora" / "mail"

pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="no sample mails on this machine")


def scorer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_mail", CORPUS / "score_mail.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# The scorer leaves the sample files it opens to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_samples_are_read_right() -> None:
    """F12: at least 40 mails, none raises, and at least 96 in 100 are right in every key.

    No machine's mail is missed and no person's taken for one (F19).
    """
    result: dict[str, Any] = scorer().run(str(CORPUS / "dev"), lambda raw: as_dict(parse(raw)))
    assert result["n"] >= 40
    assert result["errors"] == []
    assert result["slow"] == []
    assert result["allpass"] >= 0.96 * result["n"]
    for key, total in result["tot"].items():
        assert total < 20 or result["ok"][key] >= 0.95 * total, key
    for key in ("is_auto_reply", "is_bounce", "suppress_auto_response"):
        assert result["conf"][key][(False, True)] == 0, key
        assert result["conf"][key][(True, False)] == 0, key
