from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgw_middleware.config.quantity import Rate, duration, lifetime, rate, share, size, weight


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("200ms", 0.2),
        ("5s", 5.0),
        ("1m30s", 90.0),
        ("2h", 7200.0),
        ("1h2m3s4ms", 3723.004),
        ("1.5s", 1.5),
        (" 5s ", 5.0),
        ("5", 5.0),
        (5, 5.0),
        (0.25, 0.25),
    ],
)
def test_a_duration_is_seconds(written, seconds):
    assert duration(written) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "written",
    ["", "s", "5 s", "5x", "30s1m", "-5s", "0", "0s", 0, -1, True, "1d", "inf", float("inf"), "9" * 400],
)
def test_what_is_no_duration_is_refused(written):
    with pytest.raises(ValueError, match="a duration above zero"):
        duration(written)


@pytest.mark.parametrize(
    ("written", "seconds"), [("30s", 30.0), ("5m", 300.0), (0, 0.0), ("0", 0.0), ("0s", 0.0)]
)
def test_a_lifetime_is_a_duration_or_nothing(written, seconds):
    assert lifetime(written) == seconds


@pytest.mark.parametrize("written", ["", " ", "s", -1, "-5s", "1d", float("inf"), float("nan")])
def test_what_is_no_lifetime_is_refused(written):
    with pytest.raises(ValueError, match="such as 30s or 5m, or 0"):
        lifetime(written)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(1, 999))
def test_the_parts_of_a_duration_add_up(hours, minutes, seconds, milli):
    written = f"{hours}h{minutes}m{seconds}s{milli}ms"
    assert duration(written) == pytest.approx(hours * 3600 + minutes * 60 + seconds + milli / 1000)


@given(st.text())
def test_any_text_is_a_duration_or_refused(text):
    with suppress(ValueError):
        assert duration(text) > 0


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ("20MB", 20_000_000),
        ("256KiB", 262_144),
        ("1GiB", 1_073_741_824),
        ("1.5kB", 1500),
        ("10B", 10),
        ("2 MB", 2_000_000),
        ("1tb", 10**12),
        ("4096", 4096),
        (4096, 4096),
    ],
)
def test_a_size_is_bytes(written, count):
    assert size(written) == count


@pytest.mark.parametrize(
    "written", ["", "MB", "20XB", "20M", "-1", 0, "0B", "0.1B", True, "20 MBit", float("nan")]
)
def test_what_is_no_size_is_refused(written):
    with pytest.raises(ValueError, match="a size of whole bytes"):
        size(written)


@given(st.integers(1, 10**6), st.sampled_from([("KB", 10**3), ("KiB", 2**10), ("MB", 10**6), ("MiB", 2**20)]))
def test_a_unit_multiplies(count, unit):
    assert size(f"{count}{unit[0]}") == count * unit[1]


@given(st.text())
def test_any_text_is_a_size_or_refused(text):
    with suppress(ValueError):
        assert size(text) >= 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("60/min", Rate(60, 60.0)),
        ("1000/h", Rate(1000, 3600.0)),
        ("5 / s", Rate(5, 1.0)),
        ("9/day", Rate(9, 86400.0)),
    ],
)
def test_a_rate_is_a_count_per_seconds(written, expected):
    assert rate(written) == expected


@pytest.mark.parametrize("written", ["", "60", 60, "0/min", "-1/min", "1.5/min", "60/week", "1" * 16 + "/s"])
def test_what_is_no_rate_is_refused(written):
    with pytest.raises(ValueError, match="a rate above zero"):
        rate(written)


@given(st.integers(1, 10**12), st.sampled_from(["s", "min", "h", "day"]))
def test_every_count_makes_a_rate(count, period):
    assert rate(f"{count}/{period}").count == count


@pytest.mark.parametrize(
    ("written", "part"),
    [("5%", 0.05), ("0.05", 0.05), (0.05, 0.05), ("100 %", 1.0), (0, 0.0), ("2.5%", 0.025)],
)
def test_a_share_is_a_part_of_one(written, part):
    assert share(written) == pytest.approx(part)


@pytest.mark.parametrize("written", ["", "%", "101%", 1.1, -0.1, "five", True])
def test_what_is_no_share_is_refused(written):
    with pytest.raises(ValueError, match="a share such as"):
        share(written)


@given(st.floats(0, 100, allow_subnormal=False))
def test_a_percentage_and_its_fraction_are_the_same_share(percent):
    assert share(f"{percent:.6f}%") == pytest.approx(share(percent / 100), abs=1e-8)


@pytest.mark.parametrize(
    ("written", "number"), [("80%", 80.0), (80, 80.0), ("80", 80.0), (0, 0.0), (0.5, 0.5), ("12.5%", 12.5)]
)
def test_a_percentage_as_a_weight_is_its_number(written, number):
    assert weight(written) == number


@pytest.mark.parametrize("written", ["", "-1", -1, "1/2", True, float("inf"), float("nan")])
def test_what_is_no_weight_is_refused(written):
    with pytest.raises(ValueError, match="a weight of zero or more"):
        weight(written)


@given(st.integers(0, 10**6))
def test_every_whole_number_is_a_weight_with_or_without_percent(number):
    assert weight(f"{number}%") == weight(number) == weight(str(number)) == number
