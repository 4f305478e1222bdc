"""What the page on Django says is done here: in an empty folder, with its own words and nothing else."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, page
from tests.docs.walk import words
from tests.e2e.servers import TIMEOUT, serve_process

pytestmark = pytest.mark.slow

PAGE = page("django.md")
BIN = Path(sys.executable).parent
SETTINGS, ORDER, BY_FUNCTION, BY_FRAMEWORK, BY_JWT = PAGE.snippets
RULES, ATTRIBUTES = PAGE.blocks("yaml")
WALK = ("people.py", "ask.py", "llmgw.yaml", "shop/urls.py")
CHAT = "/v1/chat/completions"
QUESTION = {"messages": [{"role": "user", "content": "Hello"}]}


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


PORTS = {"9000": free_port(), "8000": free_port()}


def with_ports(text: str) -> str:
    return re.sub(r"\b(9000|8000)\b", lambda found: PORTS[found.group()], text)


# -- the walk through -------------------------------------------------------------------------------------------------


def environment(folder: Path) -> dict[str, str]:
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LLMGW_", "DJANGO_", "PROJECT_"))
    }
    return mine | {
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONUNBUFFERED": "1",
    }


def typed(command: str, folder: Path) -> str:
    """Return what a command line prints, with nothing amiss."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment(folder),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return (done.stdout + done.stderr).rstrip()


def made(folder: Path) -> Path:
    """Do everything of the walk through that comes before the servers."""
    typed(PAGE.command("django-admin"), folder)
    for name in WALK:
        (folder / name).write_text(with_ports(PAGE.files[name]))
    with (folder / "shop/settings.py").open("a") as settings:
        settings.write(f"\n{SETTINGS}")
    typed(PAGE.command("python manage.py migrate"), folder)
    typed(PAGE.command("python manage.py shell"), folder)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("walk"))


@contextmanager
def listening(command: str, port: str, folder: Path) -> Iterator[None]:
    """Run a server until it answers, and to the end of the block."""
    words = ["/bin/sh", "-c", f"exec {command}"]
    with subprocess.Popen(
        words, cwd=folder, env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            end = time.monotonic() + TIMEOUT
            while not listens(port):
                assert process.poll() is None, f"{command} ended"
                assert time.monotonic() < end, f"{command} does not listen"
                time.sleep(0.05)  # the operating system tells nobody when another process listens
            yield
        finally:
            process.terminate()
            process.wait(TIMEOUT)


def listens(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


@pytest.fixture(scope="module")
def mock(project: Path) -> Iterator[None]:
    command = f"{PAGE.command('llmgw mock')} --port {PORTS['9000']} --latency 0s --gap 0s"
    with listening(command, PORTS["9000"], project):
        yield


def test_who_follows_the_page_in_an_empty_folder_has_a_site_routed_by_tier(project: Path, mock: None):
    served = f"{PAGE.command('python manage.py runserver')} --noreload {PORTS['8000']}"
    questions = [
        (asked, told) for asked, told in PAGE.commands if asked.startswith(("python ask.py", "curl"))
    ]
    assert [told.strip() for _, told in questions] == ["200 small", "200 large", "401"]
    with listening(served, PORTS["8000"], project):
        assert [typed(with_ports(asked), project) for asked, _ in questions] == [
            told.strip() for _, told in questions
        ]


@pytest.mark.parametrize("command", ["python manage.py llmgw check", "python manage.py llmgw explain"])
def test_the_commands_print_what_is_shown(project: Path, command: str):
    [(asked, shown)] = [each for each in PAGE.commands if each[0].startswith(command)]
    assert typed(asked, project).splitlines() == shown.rstrip().splitlines()


def test_django_finds_nothing_to_say(project: Path):
    assert "no issues" in typed("python manage.py check --fail-level WARNING", project)


@pytest.mark.parametrize("program", ["gunicorn", "uvicorn"])
def test_the_servers_of_production_serve_the_same_site(project: Path, mock: None, program: str):
    (project / "shop/asgi.py").write_text(PAGE.files["shop/asgi.py"])
    command = re.sub("--workers 2", "--workers 1", PAGE.command(program))
    bind = "--bind fd://{}" if program == "gunicorn" else "--fd {}"

    def line(_: int, fd: int) -> list[str]:
        return [
            "/bin/sh",
            "-c",
            f"unset DJANGO_SETTINGS_MODULE LLMGW_CONFIG && cd {project} && exec {BIN}/{command} {bind.format(fd)}",
        ]

    with serve_process(line, {"PYTHONPATH": os.environ.get("PYTHONPATH", "")}) as server:
        asked = PAGE.files["ask.py"].replace("8000", str(server.port))
        (project / "ask_here.py").write_text(asked)
        assert typed("python ask_here.py bob", project) == "200 large"


def test_its_servers_know_the_options_they_are_given():
    for program in ("gunicorn", "uvicorn"):
        name, *options = words(PAGE.command(program))
        told = subprocess.run([name, "--help"], capture_output=True, text=True, check=True).stdout
        assert [option for option in options if option.startswith("-") and option not in told] == []


def test_its_packages_are_those_of_an_extra():
    [extras] = re.findall(r"llmgw-middleware\[([\w,]+)\]", PAGE.command("pip install"))
    declared = (DOCS.parent / "pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = \[", declared, re.MULTILINE) for extra in extras.split(","))


# -- the other snippets -----------------------------------------------------------------------------------------------


@pytest.fixture
def changed(project: Path, tmp_path: Path) -> Path:
    """A copy of the project that a snippet may change."""
    return Path(shutil.copytree(project, tmp_path / "copy"))


def add(project: Path, settings: str) -> None:
    with (project / "shop/settings.py").open("a") as file:
        file.write(f"\n{settings}\n")


def write(project: Path, *names: str) -> None:
    for name in names:
        (project / name).write_text(PAGE.files[name])


ASK = """
import json, sys
from django.test import Client
answer = Client(enforce_csrf_checks=True, headers=json.load(sys.stdin)).post("{path}", {question!r}, "application/json")
print(answer.status_code, answer.get("x-llmgw-backend", "-"), answer.get("x-route", "-"))
"""


def asked(
    project: Path, headers: dict[str, str] | None = None, *, path: str = CHAT, before: str = ""
) -> list[str]:
    """Return status, backend and route of a question asked inside the project, in a process of its own."""
    (project / "asked.py").write_text(
        "import os, django\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'shop.settings'\n"
        "django.setup()\n"
        "from django.test.utils import setup_test_environment\n"
        "setup_test_environment()\n" + before + ASK.format(path=path, question=QUESTION)
    )
    done = subprocess.run(
        [sys.executable, "asked.py"],
        input=json.dumps(headers or {}),
        capture_output=True,
        text=True,
        cwd=project,
        env=environment(project),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_order_of_the_page_has_nothing_amiss(changed: Path):
    add(changed, ORDER)
    assert "no issues" in typed("python manage.py check --fail-level WARNING", changed)


def test_the_attributes_of_the_page_are_read(changed: Path):
    (changed / "more.yaml").write_text(ATTRIBUTES)
    add(changed, 'LLMGW_CONFIG = [BASE_DIR / "llmgw.yaml", BASE_DIR / "more.yaml"]')
    told = typed(f"python manage.py llmgw explain --path {CHAT} -X POST --user alice", changed)
    assert "tier=free" in told


def test_the_function_of_the_page_decides(changed: Path, mock: None):
    write(changed, "shop/auth.py")
    add(changed, BY_FUNCTION)
    assert asked(changed, {"X-Api-Key": "alice"})[0] == "200"
    assert asked(changed, {"X-Api-Key": "nobody"})[0] == "401"


TOKENS = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth.models import User
"""


@pytest.mark.skipif(find_spec("rest_framework") is None, reason="Django REST framework is not installed")
def test_tokens_of_rest_framework_tell_who_calls(changed: Path, mock: None):
    add(changed, BY_FRAMEWORK)
    token = (
        TOKENS + "from rest_framework.authtoken.models import Token\n"
        "Token.objects.get_or_create(user=User.objects.get(username='bob'), defaults={'key': 'k' * 40})\n"
    )
    assert asked(changed, {"Authorization": "Token " + "k" * 40}, before=token) == ["200", "large", "-"]
    assert asked(changed, {"Authorization": "Token of-nobody"}, before=token)[0] == "401"
    assert asked(changed)[0] == "401"


@pytest.mark.skipif(find_spec("rest_framework_simplejwt") is None, reason="simplejwt is not installed")
def test_tokens_of_simplejwt_tell_who_calls(changed: Path, mock: None):
    add(changed, BY_JWT)
    made = typed(
        'python manage.py shell -v0 -c "from rest_framework_simplejwt.tokens import AccessToken; '
        "from django.contrib.auth.models import User; "
        "print(AccessToken.for_user(User.objects.get(username='bob')))\"",
        changed,
    )
    assert asked(changed, {"Authorization": f"Bearer {made}"}) == ["200", "large", "-"]
    assert asked(changed, {"Authorization": f"Bearer {made}x"})[0] == "401"


@pytest.mark.skipif(find_spec("ninja") is None, reason="Django Ninja is not installed")
def test_tokens_of_ninja_tell_who_calls(changed: Path, mock: None):
    write(changed, "shop/tokens.py")
    add(changed, 'LLMGW_IDENTIFY = "shop.tokens:identify"')
    assert asked(changed, {"Authorization": "Bearer alice"})[0] == "200"
    assert asked(changed, {"Authorization": "Bearer nobody"})[0] == "401"
    assert asked(changed)[0] == "401"


def test_its_view_asks_from_inside_and_its_middleware_tells_the_route(changed: Path, mock: None):
    write(changed, "shop/views.py", "shop/middleware.py")
    add(changed, 'MIDDLEWARE.insert(0, "shop.middleware.told")')
    with (changed / "shop/urls.py").open("a") as urls:
        urls.write('from shop import views\nurlpatterns.append(path("summary", views.summary))\n')
    view = """
from django.contrib.auth.models import User
from django.test import Client
browser = Client()
browser.force_login(User.objects.get(username="bob"))
answer = browser.get("/summary")
assert answer.status_code == 200, answer.content
assert answer.json()["choices"], answer.content
"""
    assert asked(changed, before=view) == ["401", "-", "none"]


def test_its_test_passes(changed: Path):
    write(changed, "shop/tests.py")
    assert "\nOK" in typed(PAGE.command("python manage.py test"), changed)


# -- the page itself --------------------------------------------------------------------------------------------------


def test_every_file_and_command_is_tried():
    source = Path(__file__).read_text()
    assert [name for name in PAGE.files if f'"{name}"' not in source] == []
    tried = tuple(
        re.findall(r"""["']((?:pip|django-admin|llmgw|python|curl|gunicorn|uvicorn)\b[^"']*)["']""", source)
    )
    assert [command for command, _ in PAGE.commands if not command.startswith(tried)] == []


def test_every_link_leads_somewhere():
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in PAGE.text.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE.text):
        name, _, anchor = target.partition("#")
        assert anchor in headings if not name else (DOCS / name).exists(), target
