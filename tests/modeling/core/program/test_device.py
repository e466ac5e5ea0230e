"""Device, threads and precision: what is chosen, and what is refused."""

import os

import pytest
import torch

from modeling.core.program import device as module
from modeling.core.program.device import choose_autocast, choose_device, choose_threads
from modeling.core.program.errors import ProgramError

CPU = torch.device("cpu")


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, name in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert choose_device("auto").type == name
        assert choose_device("cpu").type == "cpu"


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ProgramError, match="torch finds none on this machine") as caught:
        choose_device("cuda")
    assert caught.value.where == "config.json: device"


@pytest.mark.parametrize("name", ["gpu", "cuda:0", ""])
def test_an_unknown_device_is_named(name: str) -> None:
    with pytest.raises(ProgramError, match=f"The device '{name}' is unknown"):
        choose_device(name)


@pytest.mark.parametrize("asked", [0, -1, 1.5, "2"])
def test_a_number_of_threads_is_a_whole_one_from_1(asked: object) -> None:
    with pytest.raises(ProgramError, match="must be a whole number from 1, not"):
        choose_threads(asked, 10)  # type: ignore[arg-type]


def test_threads_are_as_asked_else_one_for_tiny_models_else_the_idle_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)), raising=False)
    monkeypatch.setattr(os, "getloadavg", lambda: (2.4, 0.0, 0.0))
    large = module.SINGLE_THREAD_PARAMETERS
    assert choose_threads(3, large) == 3
    assert choose_threads(None, large - 1) == 1
    assert choose_threads(None, large) == 6
    monkeypatch.setattr(os, "getloadavg", lambda: (20.0, 0.0, 0.0))
    assert choose_threads(None, large) == 1, "one at least, however busy the machine is"


@pytest.mark.parametrize("units", [True, False])
def test_auto_is_bf16_where_it_is_fast_and_the_model_is_not_tiny(
    monkeypatch: pytest.MonkeyPatch, units: bool
) -> None:
    monkeypatch.setattr(module, "has_bf16_units", lambda _device: units)
    assert choose_autocast("auto", CPU, module.TINY_PARAMETERS) is units
    assert choose_autocast("auto", CPU, module.TINY_PARAMETERS - 1) is False
    assert choose_autocast("auto", torch.device("cuda"), 1) is units
    assert choose_autocast("bfloat16", CPU, 1) is True
    assert choose_autocast("float32", torch.device("cuda"), 10**9) is False


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(ProgramError, match="The dtype 'float16' is unknown") as caught:
        choose_autocast("float16", CPU, 1)
    assert caught.value.hint == 'Use "auto", "float32" or "bfloat16".'
