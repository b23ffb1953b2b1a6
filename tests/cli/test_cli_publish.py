"""`cinelake publish`: no option is passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cinelake.errors import UsageError
from cli.main import app


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--verify", "--rollback"], "one of --rollback and --verify"),
        (["--list", "--dry-run"], "one of --list and --dry-run"),
        (["--to", "12"], "cinelake publish --rollback --to 12"),
    ],
)
def test_options_of_which_one_would_be_passed_over_are_refused(tmp_path: Path, words: list[str], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        CliRunner().invoke(app, ["publish", *words, "-m", str(tmp_path / "none.yaml")], catch_exceptions=False)
