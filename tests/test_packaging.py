"""What is installed: four packages, typed, and nothing beside them."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"llmgw_middleware", "llmgw_django", "llmgw_flask", "llmgw_fastapi"}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    plain = {name: value for name, value in os.environ.items() if name != "LLMGW_COMPILE"}
    subprocess.run(command, cwd=ROOT, env=plain, check=True, capture_output=True, text=True)
    [made] = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def wheel(built):
    with zipfile.ZipFile(built) as archive:
        return archive.namelist()


def test_the_wheels_top_level_names_are_the_four_packages(wheel):
    names = {name.partition("/")[0] for name in wheel}
    assert {name for name in names if not name.endswith(".dist-info")} == PACKAGES


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_every_package_says_that_it_is_typed(wheel, package):
    assert f"{package}/py.typed" in wheel


def test_what_is_installed_holds_no_tests_and_no_samples(wheel):
    assert not [name for name in wheel if "tests/" in name or "sample_apps" in name or name.endswith(".yaml")]


def test_a_wheel_is_for_every_python_and_machine_where_nobody_asks_for_a_compiled_one(built, wheel):
    assert built.name.endswith("-py3-none-any.whl")
    assert not [name for name in wheel if name.endswith((".so", ".pyd", ".c"))]
