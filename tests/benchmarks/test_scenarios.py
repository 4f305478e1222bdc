"""Every scenario, for a fraction of a second: it runs and its figures are possible. How good they are is not tested."""

import os
import shutil
import subprocess
import sys

import pytest

from benchmarks.lab import Failed, Lab, Load, System, free_port
from benchmarks.machine import busy_seconds, cpu_seconds, memory, tree
from benchmarks.scenarios import SCENARIOS
from benchmarks.systems import floor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="CPU time of processes is read from /proc")


def rows(name):
    with Lab(rounds=1, scale=0.02) as lab:
        return SCENARIOS[name](lab)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_yields_figures(name):
    if name == "tls" and shutil.which("openssl") is None:
        pytest.skip("the openssl command is not installed")
    lines = rows(name)
    assert lines
    for line in lines:
        assert float(line.value.split()[0].replace(",", "")) >= 0
        assert (line.target is None) or line.verdict in ("yes", "**no**")


def test_a_process_and_its_children_are_counted():
    code = "import subprocess,sys; subprocess.run([sys.executable, '-c', 'input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        while len(tree(process.pid)) < 2:
            os.sched_yield()
        assert memory(process.pid) > memory(tree(process.pid)[1]) > 0
        process.communicate(b"\n")


def test_cpu_time_is_what_a_process_used():
    before, busy = cpu_seconds(os.getpid()), busy_seconds()
    sum(range(3_000_000))
    assert 0 < cpu_seconds(os.getpid()) - before < 60
    assert busy_seconds() >= busy


def test_a_process_that_is_gone_has_used_nothing():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert cpu_seconds(process.pid) == memory(process.pid) == 0


def test_a_system_that_does_not_start_is_told_with_its_log():
    broken = System(name="broken", command=(sys.executable, "-c", "raise SystemExit('no luck')"), env={})
    with Lab() as lab, pytest.raises(Failed, match="no luck"), lab.running(broken):
        pass


def test_errors_make_no_figure():
    with Lab(scale=0.02) as lab, lab.running(floor(f"http://127.0.0.1:{free_port()}")) as lost:
        with pytest.raises(Failed, match="500"):
            lab.warm(lost, Load())
        with pytest.raises(Failed, match="errors"):
            lab.measure(lost, Load(connections=1))


def test_what_was_started_is_ended():
    with Lab(scale=0.02) as lab:
        running = lab.upstream
        assert tree(running.pid) == [running.pid]
    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, 0)
