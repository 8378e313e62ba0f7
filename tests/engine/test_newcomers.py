"""The table of newcomers' mistakes: one line each, with the argument, what came and the likely cure."""

import pytest

from tests.engine import newcomers

ROWS = [m for rows in newcomers.TABLE.values() for m in rows]
WRITTEN = newcomers.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("mistake", ROWS, ids=lambda m: m.what)
def test_the_message_names_the_cure(mistake):
    text = newcomers.message(mistake)
    if text.startswith("ModuleNotFoundError: No module named 'pandas'"):
        pytest.skip("pandas is not installed")
    assert text and "\n" not in text
    assert text.startswith("UserWarning") == mistake.warns
    assert [w for w in mistake.words if w not in text] == [], text


@pytest.mark.parametrize("mistake", ROWS, ids=lambda m: m.what)
def test_the_page_has_the_mistake(mistake):
    line = next(line for line in WRITTEN.splitlines() if line.startswith(f"| {mistake.what} |"))
    assert [w for w in mistake.words if w.replace("|", "\\|") not in line] == []


def test_warnings_come_once_per_training():
    model = newcomers.dense()
    with pytest.warns(UserWarning) as caught:
        model.fit(newcomers.with_nan(6, 20), newcomers.Y, epochs=3, batch_size=2, verbose=0)
    assert len([w for w in caught if "NaN" in str(w.message) or "loss is" in str(w.message)]) == 2
