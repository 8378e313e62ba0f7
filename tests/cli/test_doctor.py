"""`python -m kjax doctor`: the report, and an exit status that tells right from wrong."""

import numpy as np
import pytest

from kjax.cli import doctor


def test_report_names_devices_settings_and_checks(capsys):
    assert doctor.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "8 x cpu" in out and "float32" in out and "channels_last" in out
    assert out.count(": right (relative error") == 3


@pytest.mark.parametrize(("error", "status", "verdict"), [(1e-3, 0, "shortened"), (0.5, 1, "WRONG")])
def test_status_says_whether_a_check_failed(monkeypatch, capsys, error, status, verdict):
    monkeypatch.setattr(doctor, "CHECKS", {"a matrix product": lambda: error})
    assert doctor.main(["doctor"]) == status
    assert verdict in capsys.readouterr().out


def test_checks_see_a_wrong_number(monkeypatch):
    monkeypatch.setattr(doctor.Sequential, "predict", lambda self, x: np.zeros((8, 32)))
    assert doctor.CHECKS["a matrix product"]() > doctor.SHORTENED


def test_no_device_is_one_line(monkeypatch, capsys):
    def none():
        raise RuntimeError("Unable to initialize backend 'cuda': no such device\nmore")

    monkeypatch.setattr(doctor.jax, "devices", none)
    assert doctor.main(["doctor"]) == 1
    assert "none can be used: Unable to initialize backend 'cuda': no such device" in capsys.readouterr().out
