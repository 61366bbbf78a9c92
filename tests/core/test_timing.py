"""When schedules fire: cron on the days the clocks change, intervals, single instants, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from datetime import timezone as fixed_offset
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlplat.errors import Invalid
from jupyter_mlplat.services.jobs.schedules.timing import Timing, timing

START = datetime(2000, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

# Zone, and instants (UTC) close to which its clock is set forward or back.
CHANGES = [
    ("Europe/Berlin", ("2026-03-29T01:00", "2026-10-25T01:00")),
    ("America/New_York", ("2026-03-08T07:00", "2026-11-01T06:00")),
    ("Australia/Lord_Howe", ("2026-04-04T15:00", "2026-10-03T15:30")),
    ("America/Sao_Paulo", ("2018-02-18T02:00", "2018-11-04T03:00")),
    ("America/Havana", ("2026-03-08T05:00", "2026-11-01T05:00")),
    ("America/St_Johns", ("2006-04-02T03:31", "2006-10-29T02:31")),
    ("America/Nuuk", ("2026-03-29T01:00", "2026-10-25T01:00")),
    ("Asia/Kathmandu", ("1985-12-31T18:30", "2026-01-01T00:00")),
    ("Africa/Casablanca", ("2026-02-15T02:00", "2026-03-22T02:00")),
    ("UTC", ("2026-03-29T01:00",)),
]
AROUND = [(zone, utc) for zone, moments in CHANGES for utc in moments]
ZONES = [zone for zone, _ in CHANGES]

repeatably = settings(deadline=None, derandomize=True, max_examples=80)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: str, fold: int = 0) -> datetime:
    """The instant at which the clock of `zone` shows `text`; the second time it does for fold 1."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def cron(expression: str, zone: str = "UTC", starts_at: datetime = START) -> Timing:
    return timing(cron=expression, timezone=zone, starts_at=starts_at)


def readings(schedule: Timing, zone: str, after: str, until: str) -> list[str]:
    """What is due after one reading of the clock up to another, with the offset from UTC that tells passes apart."""
    due = schedule.between(local(after, zone), local(until, zone), 1000)
    return [moment.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes") for moment in due]


# --- the days on which the clocks change ------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "expression", "day", "expected"),
    [
        # Spring: made up at the first instant after the gap, once for everything in it.
        ("Europe/Berlin", "30 2 * * *", "2026-03-29", ["03:00+02:00"]),
        ("Europe/Berlin", "0,30 2 * * *", "2026-03-29", ["03:00+02:00"]),
        ("Europe/Berlin", "0-59 2 * * *", "2026-03-29", ["03:00+02:00"]),
        ("Europe/Berlin", "0 2,3 * * *", "2026-03-29", ["03:00+02:00"]),
        ("Europe/Berlin", "30 2,3 * * *", "2026-03-29", ["03:00+02:00", "03:30+02:00"]),
        ("Europe/Berlin", "0 3 * * *", "2026-03-29", ["03:00+02:00"]),
        ("Europe/Berlin", "59 1 * * *", "2026-03-29", ["01:59+01:00"]),
        ("America/New_York", "30 2 * * *", "2026-03-08", ["03:00-04:00"]),
        ("America/New_York", "0 9 * * *", "2026-03-08", ["09:00-04:00"]),
        ("Australia/Lord_Howe", "0 2 * * *", "2026-10-04", ["02:30+11:00"]),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-04", ["02:30+11:00"]),
        ("Australia/Lord_Howe", "45 2 * * *", "2026-10-04", ["02:45+11:00"]),
        ("America/Sao_Paulo", "0 0 * * *", "2018-11-04", ["01:00-02:00"]),
        ("America/Sao_Paulo", "30 0 * * *", "2018-11-04", ["01:00-02:00"]),
        ("America/Sao_Paulo", "0 0 4 11 *", "2018-11-04", ["01:00-02:00"]),
        ("America/Havana", "0 0 * * *", "2026-03-08", ["01:00-04:00"]),
        ("Asia/Kathmandu", "5 0 * * *", "1986-01-01", ["00:15+05:45"]),
        # Autumn: the first of the two.
        ("Europe/Berlin", "30 2 * * *", "2026-10-25", ["02:30+02:00"]),
        ("Europe/Berlin", "0 2,3 * * *", "2026-10-25", ["02:00+02:00", "03:00+01:00"]),
        ("Europe/Berlin", "0 3 * * *", "2026-10-25", ["03:00+01:00"]),
        ("America/New_York", "30 1 * * *", "2026-11-01", ["01:30-04:00"]),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-05", ["01:45+11:00"]),
        ("Australia/Lord_Howe", "0 2 * * *", "2026-04-05", ["02:00+10:30"]),
        ("America/Sao_Paulo", "30 23 * * *", "2018-02-17", ["23:30-02:00"]),
        ("America/Havana", "0 0 * * *", "2026-11-01", ["00:00-04:00"]),
        ("America/St_Johns", "0 0 * * *", "2006-10-29", ["00:00-02:30"]),
        ("America/St_Johns", "30 23 * * *", "2006-10-28", ["23:30-02:30"]),
        # An ordinary day.
        ("Asia/Kathmandu", "0 9 * * *", "2026-03-29", ["09:00+05:45"]),
    ],
)
def test_fixed_time_fires_once_when_the_clocks_change(
    zone: str, expression: str, day: str, expected: list[str]
) -> None:
    midnight = datetime.fromisoformat(day)
    schedule = cron(expression, zone, utc("1980-01-01"))
    found = readings(schedule, zone, (midnight - MINUTE).isoformat(), (midnight + DAY - MINUTE).isoformat())
    assert found == [f"{day}T{clock}" for clock in expected]


def test_fixed_time_in_a_gap_at_the_end_of_a_day_fires_at_the_start_of_the_next() -> None:
    found = readings(cron("30 23 * * *", "America/Nuuk"), "America/Nuuk", "2026-03-27T12:00", "2026-03-29T23:45")
    assert found == ["2026-03-27T23:30-02:00", "2026-03-29T00:00-01:00", "2026-03-29T23:30-01:00"]


def test_lost_day_is_not_made_up() -> None:
    found = readings(cron("0 9 * * *", "Pacific/Apia"), "Pacific/Apia", "2011-12-28T12:00", "2012-01-01T12:00")
    assert [moment[:16] for moment in found] == ["2011-12-29T09:00", "2011-12-31T09:00", "2012-01-01T09:00"]


def test_fixed_time_asked_in_the_second_pass_is_due_the_day_after() -> None:
    schedule = cron("30 2 * * *", "Europe/Berlin")
    second_pass = local("2026-10-25T02:15", "Europe/Berlin", fold=1)
    assert schedule.next_after(second_pass) == local("2026-10-26T02:30", "Europe/Berlin")
    assert schedule.next_after(second_pass - HOUR) == local("2026-10-25T02:30", "Europe/Berlin")


@pytest.mark.parametrize(("expression", "step"), [("*/15 * * * *", 15), ("0 * * * *", 60), ("* * * * *", 1)])
@pytest.mark.parametrize(
    ("zone", "around"), [(zone, around) for zone, around in AROUND if zone.split("/")[0] in ("Europe", "America")]
)
def test_job_with_a_star_runs_by_elapsed_time(expression: str, step: int, zone: str, around: str) -> None:
    change = utc(around)
    due = cron(expression, zone).between(change - DAY, change + DAY, 10_000)
    assert {later - earlier for earlier, later in pairwise(due)} == {timedelta(minutes=step)}
    assert len(due) == 2880 // step


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 * * * *", ["01:00+11:00", "02:00+10:30", "03:00+10:30"]),
        ("30 * * * *", ["01:30+11:00", "01:30+10:30", "02:30+10:30"]),
        ("*/15 2 * * *", ["02:00+10:30", "02:15+10:30", "02:30+10:30", "02:45+10:30"]),
        ("*/30 3 * * *", ["03:00+10:30"]),
    ],
)
def test_job_with_a_star_goes_by_the_clock_where_it_changes_by_half_an_hour(
    expression: str, expected: list[str]
) -> None:
    zone = "Australia/Lord_Howe"
    found = readings(cron(expression, zone), zone, "2026-04-05T00:45", "2026-04-05T03:15")
    assert [moment.removeprefix("2026-04-05T") for moment in found] == expected


def test_job_with_a_star_in_one_hour_follows_that_hour() -> None:
    schedule = cron("*/15 2 * * *", "Europe/Berlin")
    assert readings(schedule, "Europe/Berlin", "2026-03-29T00:00", "2026-03-29T23:00") == []
    assert len(readings(schedule, "Europe/Berlin", "2026-10-25T00:00", "2026-10-25T23:00")) == 8


def test_midnight_that_the_clock_skips_is_no_midnight_for_a_job_with_a_star() -> None:
    schedule = cron("*/30 0 * 11 *", "America/Sao_Paulo")
    assert readings(schedule, "America/Sao_Paulo", "2018-11-03T12:00", "2018-11-04T12:00") == []


# --- against a plain reading of the contract ----------------------------------------------------------


@st.composite
def fields(draw: st.DrawFn, low: int, high: int, star: bool) -> tuple[str, set[int]]:
    """A field of an expression, and the values it stands for."""
    kind = draw(st.sampled_from(["star", "step", "list", "range"] if star else ["list", "range"]))
    if kind == "star":
        return "*", set(range(low, high + 1))
    if kind == "step":
        step = draw(st.integers(1, high))
        return f"*/{step}", set(range(low, high + 1, step))
    if kind == "range":
        first = draw(st.integers(low, high))
        last = draw(st.integers(first, high))
        return f"{first}-{last}", set(range(first, last + 1))
    values = draw(st.sets(st.integers(low, high), min_size=1, max_size=4))
    return ",".join(map(str, sorted(values))), values


@st.composite
def expressions(draw: st.DrawFn) -> tuple[str, set[int], set[int], set[int]]:
    star = draw(st.booleans())
    minute, minutes = draw(fields(0, 59, star))
    hour, hours = draw(fields(0, 23, star))
    weekday, weekdays = draw(st.one_of(st.just(("*", set(range(8)))), fields(0, 7, True)))
    return f"{minute} {hour} * * {weekday}", minutes, hours, {day % 7 for day in weekdays}


def by_contract(
    parsed: tuple[str, set[int], set[int], set[int]], zone: str, first: datetime, last: datetime
) -> list[datetime]:
    """Everything due in [first, last], found minute by minute."""
    expression, minutes, hours, weekdays = parsed
    place = ZoneInfo(zone)
    minute, hour = expression.split()[:2]

    def named(clock: datetime) -> bool:
        return clock.minute in minutes and clock.hour in hours and clock.isoweekday() % 7 in weekdays

    def each(begin: datetime, end: datetime) -> Iterator[datetime]:
        while begin <= end:
            yield begin
            begin += MINUTE

    if minute.startswith("*") or hour.startswith("*"):
        return [moment for moment in each(first, last) if named(moment.astimezone(place))]
    found = set()
    for clock in each((first - DAY).replace(tzinfo=None), (last + DAY).replace(tzinfo=None)):
        if named(clock):
            shown = clock
            while shown != (moment := shown.replace(tzinfo=place).astimezone(UTC)).astimezone(place).replace(
                tzinfo=None
            ):
                shown += MINUTE
            found.add(moment)
    return sorted(moment for moment in found if first <= moment <= last)


@pytest.mark.parametrize(("zone", "around"), AROUND)
def test_cron_is_what_the_contract_says_around_a_change(zone: str, around: str) -> None:
    first, last = utc(around) - DAY * 2, utc(around) + DAY * 2

    @settings(repeatably, max_examples=25)
    @given(expressions())
    def check(parsed: tuple[str, set[int], set[int], set[int]]) -> None:
        schedule = cron(parsed[0], zone, utc("1980-01-01"))
        assert schedule.between(first - MINUTE, last, 10_000) == by_contract(parsed, zone, first, last)

    check()


@repeatably
@given(
    parsed=expressions(),
    zone=st.sampled_from(ZONES),
    after=st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    days=st.integers(0, 40),
    limit=st.integers(0, 30),
)
def test_next_between_and_newest_agree(
    parsed: tuple[str, set[int], set[int], set[int]], zone: str, after: datetime, days: int, limit: int
) -> None:
    schedule = cron(parsed[0], zone)
    agree(schedule, after, after + DAY * days, limit)


@repeatably
@given(
    every=st.floats(1, 10_000_000),
    start=st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    after=st.datetimes(datetime(2005, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    periods=st.floats(0, 40),
    limit=st.integers(0, 30),
)
def test_next_between_and_newest_agree_for_an_interval(
    every: float, start: datetime, after: datetime, periods: float, limit: int
) -> None:
    schedule = timing(every=every, starts_at=start)
    agree(schedule, after, after + timedelta(seconds=every * periods), limit)
    following = schedule.next_after(after)
    assert following is not None
    assert (following - start) % timedelta(microseconds=round(every * 1_000_000)) == timedelta()


def agree(schedule: Timing, after: datetime, until: datetime, limit: int) -> None:
    due = schedule.between(after, until, 100_000)
    assert all(earlier < later for earlier, later in pairwise([after, *due]))
    assert all(moment <= until and moment.utcoffset() == timedelta() for moment in due)
    assert schedule.between(after, until, limit) == due[:limit]
    assert schedule.newest(after, until, limit) == (len(due), due[len(due) - min(limit, len(due)) :])
    chained: list[datetime] = []
    moment = schedule.next_after(after)
    while moment is not None and moment <= until and len(chained) < 60:
        chained.append(moment)
        moment = schedule.next_after(moment)
    assert chained == due[:60]


@pytest.mark.parametrize("zone", [zone for zone in ZONES if zone != "America/Nuuk"])
@pytest.mark.parametrize("clock", ["0 0", "30 0", "30 1", "0 2", "15 2", "30 2", "0 3", "0 9", "30 23", "59 23"])
def test_daily_fixed_time_fires_on_each_calendar_day_once(zone: str, clock: str) -> None:
    schedule = cron(f"{clock} * * *", zone)
    due = schedule.between(local("2014-12-31T23:59", zone), local("2019-12-31T23:59", zone), 10_000)
    days = [moment.astimezone(ZoneInfo(zone)).date() for moment in due]
    first = datetime(2015, 1, 1).date()
    assert days == [first + DAY * place for place in range(365 * 5 + 1)]


@pytest.mark.parametrize(
    "expression",
    ["* * * * *", "*/7 3-9/2 * * *", "5/20 * 1,15 * 2", "0 0 29 2 *", "0 12 */3 JAN-MAR MON", "1-9/3,40 22 * 6 sun"],
)
def test_fields_mean_what_cronsim_reads(expression: str) -> None:
    expected = list(islice(CronSim(expression, START), 300 if "29 2" not in expression else 20))
    assert cron(expression).between(START, expected[-1], 300) == expected


# --- days ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 9 * * 1", ["2026-06-01", "2026-06-08", "2026-06-15"]),
        ("0 9 * * mon", ["2026-06-01", "2026-06-08", "2026-06-15"]),
        ("0 9 * * 0", ["2026-06-07", "2026-06-14", "2026-06-21"]),
        ("0 9 * * 7", ["2026-06-07", "2026-06-14", "2026-06-21"]),
        ("0 9 * * SAT", ["2026-06-06", "2026-06-13", "2026-06-20"]),
        ("0 9 * JUL *", ["2026-07-01", "2026-07-02", "2026-07-03"]),
        ("0 9 31 * *", ["2026-07-31", "2026-08-31", "2026-10-31"]),
        # Both restricted: either will do; a field that begins with a star is not.
        ("0 9 13 * 5", ["2026-06-05", "2026-06-12", "2026-06-13"]),
        ("0 9 13 * */5", ["2026-09-13", "2026-11-13", "2026-12-13"]),
        ("0 9 31 2 MON", ["2027-02-01", "2027-02-08", "2027-02-15"]),
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29", "2036-02-29"]),
    ],
)
def test_days_of_an_expression(expression: str, days: list[str]) -> None:
    due = cron(expression).preview(utc("2026-05-31T12:00"), 3)
    assert [moment.date().isoformat() for moment, _ in due] == days


def test_leap_day_is_left_out_in_2100() -> None:
    assert cron("0 0 29 2 *").next_after(utc("2096-03-01")) == utc("2104-02-29")


# --- what was missed ----------------------------------------------------------------------------------


def test_newest_of_a_year_of_minutes_is_quick() -> None:
    schedule = cron("* * * * *", "Europe/Berlin")
    after = utc("2025-03-01")
    begun = time.process_time()
    count, due = schedule.newest(after, after + DAY * 365, 3)
    assert time.process_time() - begun < 2
    assert count == 365 * 1440
    assert due == [after + DAY * 365 - MINUTE * back for back in (2, 1, 0)]


@pytest.mark.parametrize("schedule", [cron("* * * * *"), timing(every=1.0, starts_at=START)])
def test_range_is_open_at_its_start_and_closed_at_its_end(schedule: Timing) -> None:
    moment = utc("2026-01-01")
    assert schedule.newest(moment, moment, 5) == (0, [])
    assert schedule.newest(moment, moment - HOUR, 5) == (0, [])
    assert schedule.between(moment - timedelta(microseconds=1), moment, 5) == [moment]
    assert schedule.between(moment, moment + MINUTE, 0) == []
    assert schedule.newest(moment, moment + MINUTE, 0)[1] == []


# --- from when, and until when ----------------------------------------------------------------------


def test_cron_is_due_from_its_start_on() -> None:
    start = utc("2026-01-01T09:00")
    schedule = cron("0 9 * * *", starts_at=start)
    assert schedule.between(utc("2025-01-01"), utc("2026-01-02T12:00"), 9) == [start, start + DAY]
    assert cron("0 9 * * *", starts_at=start + timedelta(microseconds=1)).next_after(START) == start + DAY


def test_start_in_the_second_pass_does_not_bring_back_the_first() -> None:
    start = local("2026-10-25T02:15", "Europe/Berlin", fold=1)
    assert cron("30 2 * * *", "Europe/Berlin", start).next_after(START) == local("2026-10-26T02:30", "Europe/Berlin")


def test_interval_is_first_due_one_period_after_its_start() -> None:
    start = utc("2026-01-01T00:00:00.25")
    schedule = timing(every=900, starts_at=start)
    assert schedule.next_after(START) == start + MINUTE * 15
    assert schedule.next_after(start + MINUTE * 15) == start + MINUTE * 30


def test_interval_does_not_drift() -> None:
    schedule = timing(every=1.1, starts_at=START)
    after = START + timedelta(microseconds=1_100_000 * 10**9)
    assert schedule.next_after(after) == after + timedelta(seconds=1.1)
    assert schedule.newest(START, after, 1) == (10**9, [after])


def test_interval_counts_elapsed_time_when_the_clocks_change() -> None:
    start = local("2026-03-28T12:00", "Europe/Berlin")
    schedule = timing(every=86_400, timezone="Europe/Berlin", starts_at=start)
    [(due, shown)] = schedule.preview(start, 1)
    assert due == start + DAY
    assert shown.isoformat() == "2026-03-29T13:00:00+02:00"


def test_single_instant_is_due_once_whatever_its_offset() -> None:
    moment = datetime(2026, 5, 1, 9, tzinfo=fixed_offset(HOUR * 2))
    schedule = timing(at=moment, timezone="Asia/Kathmandu", starts_at=moment + DAY)
    found = schedule.next_after(START)
    assert found is not None
    assert (found, found.isoformat()) == (moment, "2026-05-01T07:00:00+00:00")
    assert schedule.next_after(moment) is None
    assert schedule.newest(START, moment, 5) == (1, [moment])
    assert [shown.isoformat() for _, shown in schedule.preview(START, 5)] == ["2026-05-01T12:45:00+05:45"]


def test_preview_shows_both_clocks() -> None:
    due = cron("30 2 * * *", "Europe/Berlin").preview(utc("2026-03-28T00:00"), 2)
    assert [(moment.isoformat(), shown.isoformat()) for moment, shown in due] == [
        ("2026-03-28T01:30:00+00:00", "2026-03-28T02:30:00+01:00"),
        ("2026-03-29T01:00:00+00:00", "2026-03-29T03:00:00+02:00"),
    ]


def test_nothing_is_due_at_the_end_of_time() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    for schedule in (cron("0 9 * * *", "Pacific/Kiritimati"), timing(every=3600, starts_at=START)):
        assert schedule.next_after(last) is None
        assert schedule.next_after(datetime.min.replace(tzinfo=UTC)) is not None
        assert schedule.between(utc("9998-12-31T23:00"), last, 5) == []


def test_equal_input_makes_equal_timings() -> None:
    assert cron("0 9 * * mon", "Europe/Berlin") == cron(" 0  9 * * MON", "Europe/Berlin")
    assert cron("0 9 * * 1") != cron("0 9 * * 2")


# --- refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "why", "hint"),
    [
        ("", "has 0 fields", "minute hour day month weekday"),
        ("* * * *", "has 4 fields", "minute hour day month weekday"),
        ("0 0 9 * * *", "has 6 fields", "no seconds"),
        ("0 9 * * * 2026", "has 6 fields", "no years"),
        ("CRON_TZ=UTC 0 9 * * *", "has 6 fields", "zone is given by itself"),
        ("*/60 * * * *", "minute `*/60` steps by more than 59", "0-59"),
        ("1-5/99 * * * *", "minute `1-5/99` steps by more than 59", "0-59"),
        ("0 */24 * * *", "hour `*/24` steps by more than 23", "0-23"),
        ("0 0 */32 * *", "day `*/32` steps by more than 31", "1-31"),
        ("0 0 1 */13 *", "month `*/13` steps by more than 12", "1-12 or JAN-DEC"),
        ("0 0 * * */8", "weekday `*/8` steps by more than 7", "0-7 or SUN-SAT"),
        ("5-5/20 * * * *", "one value only", "0-59"),
        ("0 0 * * MON-1/2", "one value only", "SUN-SAT"),
        ("*/0 * * * *", "minute `*/0`", "0-59"),
        ("0 0 L * *", "day `L`", "L, W, # and ? are not taken"),
        ("0 0 LW * *", "day `LW`", "L, W, # and ? are not taken"),
        ("0 0 * * 5L", "weekday `5L`", "L, W, # and ? are not taken"),
        ("0 0 * * 5#2", "weekday `5#2`", "L, W, # and ? are not taken"),
        ("0 0 * * MON#1", "weekday `MON#1`", "L, W, # and ? are not taken"),
        ("0 0 ? * *", "day `?`", "L, W, # and ? are not taken"),
        ("60 * * * *", "minute `60` is out of range", "0-59"),
        ("* 24 * * *", "hour `24` is out of range", "0-23"),
        ("0 0 0 * *", "day `0` is out of range", "1-31"),
        ("0 0 * 13 *", "month `13` is out of range", "1-12"),
        ("0 0 * * 8", "weekday `8` is out of range", "0-7"),
        ("0 0 * * FRI-SUN", "weekday `FRI-SUN` is out of range or runs backwards", "goes up"),
        ("0 0 * MON *", "month `MON` cannot be read", "JAN-DEC"),
        ("1,,2 * * * *", "minute `` cannot be read", "0-59"),
        ("1,2, * * * *", "minute `` cannot be read", "0-59"),
        ("R * * * *", "minute `R` cannot be read", "0-59"),
        ("-5 * * * *", "minute `-5` cannot be read", "0-59"),
        ("٣ * * * *", "minute `٣` cannot be read", "0-59"),
        ("*/2/3 * * * *", "minute `*/2/3` cannot be read", "0-59"),
        ("@daily", "aliases are not taken", "`0 0 * * *`"),
        (" @Weekly", "aliases are not taken", "`0 0 * * 0`"),
        ("@reboot", "aliases are not taken", "minute hour day month weekday"),
        ("0," * 1000 + "0 * * * *", "more than 1000 characters", "minute hour"),
        ("0 0 31 2 *", "never fires", "change day or month"),
        ("0 0 30,31 FEB *", "never fires", "change day or month"),
        ("0 0 31 4,6,9,11 *", "never fires", "change day or month"),
        ("0 0 31 2 */2", "never fires", "change day or month"),
        # The hour that Berlin's clock skips, on the days on which it does.
        ("*/15 2 25-31 3 */7", "never fires: nothing is due in Europe/Berlin for 50 years", "hour"),
    ],
)
def test_expression_is_refused(expression: str, why: str, hint: str) -> None:
    with pytest.raises(Invalid) as refused:
        cron(expression, "Europe/Berlin")
    assert why in refused.value.message
    assert len(refused.value.message) < 250
    assert hint in refused.value.hint
    assert list(refused.value.fields) == ["cron"]
    assert why in refused.value.fields["cron"]


@pytest.mark.parametrize(
    ("zone", "hint"),
    [
        ("Mars/Olympus", "such as Europe/Berlin"),
        ("Berlin", "did you mean Europe/Berlin?"),
        ("europe/berlin", "Europe/Berlin"),
        ("Europe", "Europe/Rome"),
        ("../x", "give an IANA name"),
        ("../../etc/passwd", "give an IANA name"),
        ("/etc/localtime", "give an IANA name"),
        ("Europe/../Europe/Berlin", "Europe/Berlin"),
        ("localtime", ""),
        ("right/Europe/Berlin", "Europe/Berlin"),
        ("posix/UTC", "UTC"),
        ("zone.tab", "give an IANA name"),
        ("Europe/Berlin\n", "Europe/Berlin"),
        ("Europe/\0", ""),
        ("", "give an IANA name"),
        ("x" * 10_000, "give an IANA name"),
    ],
)
def test_zone_is_refused(zone: str, hint: str) -> None:
    with pytest.raises(Invalid, match="no time zone is called") as refused:
        cron("0 9 * * *", zone)
    assert hint in refused.value.hint
    assert "localtime" not in refused.value.hint
    assert len(refused.value.message) < 150
    assert list(refused.value.fields) == ["timezone"]


@pytest.mark.parametrize("every", [0, -1, 0.999, float("nan"), float("inf"), 1e300, 10**400])
def test_period_is_refused(every: float) -> None:
    with pytest.raises(Invalid, match="1 second or more") as refused:
        timing(every=every, starts_at=START)
    assert list(refused.value.fields) == ["every"]


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (datetime(2026, 1, 1), "no offset from UTC"),
        (datetime.max.replace(tzinfo=fixed_offset(-HOUR * 12)), "1970 to 9998"),
        (datetime.min.replace(tzinfo=fixed_offset(HOUR * 12)), "1970 to 9998"),
    ],
)
def test_moment_is_refused(at: datetime, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        timing(at=at, starts_at=START)
    assert list(refused.value.fields) == ["at"]
    with pytest.raises(Invalid, match=why) as refused:
        timing(every=60, starts_at=at)
    assert list(refused.value.fields) == ["starts_at"]


@pytest.mark.parametrize(
    ("given_", "named"),
    [
        ({}, ["cron", "every", "at"]),
        ({"cron": "* * * * *", "every": 60.0}, ["cron", "every"]),
        ({"every": 60.0, "at": START}, ["every", "at"]),
        ({"cron": "", "every": 60.0, "at": START}, ["cron", "every", "at"]),
    ],
)
def test_exactly_one_timing_is_taken(given_: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(Invalid, match="one timing") as refused:
        timing(starts_at=START, **given_)
    assert list(refused.value.fields) == named


def test_moment_without_an_offset_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="no offset from UTC"):
        cron("* * * * *").next_after(datetime(2026, 1, 1))
