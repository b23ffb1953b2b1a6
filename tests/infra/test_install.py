"""What pip was told about indexes and certificates reaches uv, which installs the pinned list."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

LISTING = """\
:env:.cert='/etc/company.crt'
global.cert='/etc/other.crt'
global.extra-index-url='\\nhttps://one.example/simple\\nhttps://two.example/simple'
global.find-links='/srv/wheels /srv/more'
user.index-url='https://mirror.example/simple'
"""


@pytest.fixture(scope="module")
def install() -> ModuleType:
    path = Path(__file__).parents[2] / "infra" / "install.py"
    spec = importlib.util.spec_from_file_location("install", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_variable_of_the_environment_counts_more_than_a_file(install: ModuleType) -> None:
    assert install.pip_settings(LISTING)["cert"] == "/etc/company.crt"


def test_indexes_links_and_certificates_are_handed_on(install: ModuleType) -> None:
    told = install.uv_environment(install.pip_settings(LISTING), {})
    assert told == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/srv/wheels,/srv/more",
        "SSL_CERT_FILE": "/etc/company.crt",
    }


def test_what_uv_was_told_already_stays(install: ModuleType) -> None:
    told = install.uv_environment({"index-url": "https://mirror.example/simple"}, {"UV_DEFAULT_INDEX": "other"})
    assert told == {}


def test_pip_without_settings_tells_nothing(install: ModuleType) -> None:
    assert install.uv_environment(install.pip_settings(""), {}) == {}
