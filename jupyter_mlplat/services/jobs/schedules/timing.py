"""When a schedule fires: a cron expression in a zone, an interval, or one instant.

Cron is five fields, minute hour day month weekday, read by cronsim, with names (MON, JAN) and steps. Weekday 0 and 7
are Sunday. When day and weekday are both restricted, either one is enough; a field that begins with a star (`*`,
`*/2`) is not restricted, and then both must match. The days on which the clocks change follow Debian's cron
(cron(8), "daylight saving time"):

- A job at fixed times (neither minute nor hour begins with a star) fires once for each time on the clock: a time that
  the clock skips is made up at the first instant after the gap, one firing for all that fell in it; a time that the
  clock shows twice counts the first time only. What a jump of more than three hours skips (Samoa's lost day in 2011)
  is not made up.
- A job whose minute or hour begins with a star fires at each real minute whose reading on the clock matches, whatever
  the clock did before: `*/15 * * * *` every 15 minutes of elapsed time, no gap, no double. So `*/15 2 * * *` fires
  eight times where the clock shows two o'clock twice, and not at all where it skips it; and where the clocks change
  by 30 minutes (Lord Howe) `0 * * * *`, at the full hour by the clock, is then 90 minutes after the one before.

cronsim parses only. Its own iteration may answer with an instant before the one it was asked about (a fixed time in
the second pass of the autumn hour), fires for a lost day on the day after, leaves out minutes where the clocks change
by 30 minutes or back over midnight, and fires jobs with a star for a midnight that the clock skips.
"""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import chain, islice
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from ....errors import Invalid

SECOND = 1_000_000  # microseconds
DAY = 86_400  # seconds, as all of the cron arithmetic
MAX_EVERY = 10 * 366 * DAY
MAX_EXPRESSION = 1_000
MAX_GAP = 3 * 3600
QUIET = 50 * 366 * DAY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_END = datetime(9999, 1, 1, tzinfo=UTC)
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 7, _WEEKDAYS),
)
_ALIASES = {
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
    "@MONTHLY": "0 0 1 * *",
    "@WEEKLY": "0 0 * * 0",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@HOURLY": "0 * * * *",
}
_FIVE = "write five fields: minute hour day month weekday, as in `0 9 * * MON-FRI`"
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_NO_ZONES = {"localtime", "posixrules", "Factory"}


@dataclass(frozen=True)
class Timing(ABC):
    """When a schedule fires. All instants are aware datetimes in UTC; made by `timing`.

    Every method raises `ValueError` for a moment without an offset from UTC. Nothing is due from the year 9999 on.
    """

    zone: tzinfo

    @abstractmethod
    def _runs(self, first: int, last: int) -> Iterator[Sequence[int]]:
        """What is due in [first, last], microseconds since 1970, ascending, in as many pieces as is handy."""

    def next_after(self, moment: datetime) -> datetime | None:
        """The first instant due strictly after `moment`; None when nothing is due any more."""
        return next(iter(self.between(moment, _END, 1)), None)

    def between(self, after: datetime, until: datetime, limit: int) -> list[datetime]:
        """The first `limit` instants due in (after, until], oldest first."""
        return [_instant(due) for due in islice(chain.from_iterable(self._within(after, until)), max(limit, 0))]

    def newest(self, after: datetime, until: datetime, limit: int) -> tuple[int, list[datetime]]:
        """How many instants are due in (after, until], and the last `limit` of them, oldest first.

        For what was missed while nobody looked: keeps no more than `limit` instants and one day. The cost of a cron
        expression grows with the days in the range and the instants in them: about 0.2 s for a year of minutes.
        """
        limit = max(limit, 0)
        count = held = 0
        kept: deque[Sequence[int]] = deque()
        for run in self._within(after, until):
            count += len(run)
            held += len(run)
            kept.append(run)
            while kept and held - len(kept[0]) >= limit:
                held -= len(kept.popleft())
        if held > limit:
            kept[0] = kept[0][held - limit :]
        return count, [_instant(due) for due in chain.from_iterable(kept)]

    def preview(self, after: datetime, n: int) -> list[tuple[datetime, datetime]]:
        """The next `n` instants after `after`, each in UTC and in the schedule's zone; fewer when it ends before."""
        return [(due, due.astimezone(self.zone)) for due in self.between(after, _END, n)]

    def _within(self, after: datetime, until: datetime) -> Iterator[Sequence[int]]:
        first, last = _microseconds(after) + 1, min(_microseconds(until), _microseconds(_END) - 1)
        return self._runs(first, last) if first <= last else iter(())


@dataclass(frozen=True)
class Once(Timing):
    """One instant, `at`, microseconds since 1970."""

    at: int

    def _runs(self, first: int, last: int) -> Iterator[Sequence[int]]:
        if first <= self.at <= last:
            yield (self.at,)


@dataclass(frozen=True)
class Every(Timing):
    """`starts_at + k * period` for k = 1, 2, …: both whole microseconds, so that it never drifts."""

    starts_at: int
    period: int

    def _runs(self, first: int, last: int) -> Iterator[Sequence[int]]:
        k = max(1, -((self.starts_at - first) // self.period))
        yield range(self.starts_at + k * self.period, last + 1, self.period)


@dataclass(frozen=True)
class Cron(Timing):
    """A cron expression on the clock of `zone`, from `starts_at` (seconds since 1970) on; the module tells the rules.

    It is over when nothing was due for 50 years.
    """

    starts_at: int
    expression: str
    parsed: CronSim = field(compare=False, repr=False)
    times: tuple[int, ...] = field(compare=False, repr=False)

    @property
    def fixed(self) -> bool:
        """Whether it names times of the day, so that each is due once however the clock is set."""
        minute, hour = self.expression.split()[:2]
        return not (minute.startswith("*") or hour.startswith("*"))

    def _runs(self, first: int, last: int) -> Iterator[Sequence[int]]:
        start = max(-(-first // SECOND), self.starts_at)
        fixed = self.fixed
        hit = start
        clock: int | None = None  # the latest reading of the clock so far, as seconds
        # Two days earlier, to know how far the clock had come before it was set back.
        for begin, end, offset in self._stretches(start - 2 * DAY, last // SECOND + 1):
            low, high = begin + offset, end + offset
            reached, clock = clock, high if clock is None else max(clock, high)
            if end <= start:
                continue
            made_up = False
            if fixed and reached is not None:
                made_up = reached < low <= reached + MAX_GAP and bool(self._matches(reached, low))
                low = max(low, reached)
            due = [reading - offset for reading in self._matches(low, high)]
            if made_up and due[:1] != [begin]:
                due.insert(0, begin)
            if due:
                hit = end
                yield [second * SECOND for second in due]
            elif end - hit > QUIET:
                return

    def _matches(self, low: int, high: int) -> list[int]:
        """The readings of the clock in [low, high) that the expression names, as seconds since 1970 by that clock."""
        found: list[int] = []
        for day in range(low // DAY, (high - 1) // DAY + 1):
            on = date.fromordinal(_EPOCH_DAY + day)
            if on.month in self.parsed.months and self.parsed.match_day(on):
                midnight = day * DAY
                times = self.times[bisect_left(self.times, low - midnight) : bisect_left(self.times, high - midnight)]
                found += [midnight + time for time in times]
        return found

    def _stretches(self, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
        """[start, stop) in pieces of a day at most that have one offset from UTC each: (begin, end, offset)."""
        for begin in range(start, stop, DAY):
            yield from self._constant(begin, min(begin + DAY, stop))

    def _constant(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        # No zone changes its offset and takes that back within a day; the closest since 1970 are a week apart.
        offset = self._offset(begin)
        if offset == self._offset(end - 1):
            yield begin, end, offset
        else:
            middle = (begin + end) // 2
            yield from self._constant(begin, middle)
            yield from self._constant(middle, end)

    def _offset(self, second: int) -> int:
        return (datetime.fromtimestamp(second, self.zone).utcoffset() or timedelta()) // timedelta(seconds=1)


def timing(
    *,
    cron: str | None = None,
    timezone: str = "UTC",
    every: float | None = None,
    at: datetime | None = None,
    starts_at: datetime,
) -> Timing:
    """Read when a schedule fires; exactly one of `cron`, `every` (seconds, 1 up to ten years) and `at` is given.

    `timezone` is the IANA zone whose clock `cron` goes by, and in which all three are previewed. `cron` is due from
    `starts_at` on, `every` first one period after it, `at` whatever it is. Raises `Invalid` that names `cron`,
    `timezone`, `every`, `at` or `starts_at` in its fields: not exactly one of the three, a zone that is not known, a
    datetime without an offset from UTC or outside the years 1970 to 9998, a period out of range, and an expression
    that cannot be read or never fires.
    """
    given = [name for name, value in (("cron", cron), ("every", every), ("at", at)) if value is not None]
    if len(given) != 1:
        why = "give exactly one of cron, every and at"
        raise Invalid(
            f"a schedule has one timing, not {len(given) or 'none'}",
            hint=why,
            fields=dict.fromkeys(given or ("cron", "every", "at"), why),
        )
    zone, start = _zone(timezone), instant("starts_at", starts_at)
    if at is not None:
        return Once(zone, instant("at", at))
    if every is not None:
        return Every(zone, start, _period(every))
    return _cron(cron or "", zone, -(-start // SECOND))


def _cron(text: str, zone: tzinfo, starts_at: int) -> Cron:
    parts = text.upper().split()
    expression = " ".join(parts)
    if len(text) > MAX_EXPRESSION:
        raise _bad_cron(text, f"it has more than {MAX_EXPRESSION} characters", _FIVE)
    if expression.startswith("@"):
        fields = _ALIASES.get(expression)
        raise _bad_cron(text, "aliases are not taken", f"write `{fields}`" if fields else _FIVE)
    if len(parts) != len(_FIELDS):
        count = f"it has {len(parts)} field{'' if len(parts) == 1 else 's'}, not 5"
        raise _bad_cron(text, count, f"{_FIVE}; there are no seconds and no years, and the zone is given by itself")
    for place, part in enumerate(parts):
        _check_field(text, place, part)
    try:
        parsed = CronSim(expression, datetime(2000, 1, 1))
    except CronSimError:  # each field is good by itself, so no month has such a day
        raise _bad_cron(text, "it never fires: none of its months has such a day", "change day or month") from None
    times = tuple(hour * 3600 + minute * 60 for hour in sorted(parsed.hours) for minute in sorted(parsed.minutes))
    built = Cron(zone, starts_at, expression, parsed, times)
    if built.next_after(_instant(starts_at * SECOND - 1)) is None:
        raise _bad_cron(text, f"it never fires: nothing is due in {zone} for 50 years", "change day, month or hour")
    return built


def _check_field(text: str, place: int, part: str) -> None:
    """Refuse what is no list of values, ranges and steps, or makes no sense although cronsim takes it."""
    name, low, high, names = _FIELDS[place]
    called = f" or {names[0]}-{names[-1]}" if names else ""
    hint = f"{name} is {low}-{high}{called}: one value, a list 1,3, a range 2-5 that goes up, or steps */2"
    value = "|".join(("[0-9]{1,2}", *names))
    term = re.compile(rf"(?:\*|(?P<first>{value})(?:-(?P<last>{value}))?)(?:/(?P<step>[0-9]+))?")
    for each in part.split(","):
        match = term.fullmatch(each)
        if match is None:
            if place in (2, 4) and re.search("[L#W?]", each):
                hint = f"L, W, # and ? are not taken; {hint}"
            raise _bad_cron(text, f"its {name} `{each}` cannot be read", hint)
        first, last, step = match.group("first", "last", "step")
        if step is not None and int(step) > high:
            raise _bad_cron(text, f"its {name} `{each}` steps by more than {high}", hint)
        if step is not None and last is not None and len({_number(end, low, names) for end in (first, last)}) == 1:
            raise _bad_cron(text, f"its {name} `{each}` steps through one value only", hint)
    stars = ["*"] * len(_FIELDS)
    stars[place] = part
    try:
        CronSim(" ".join(stars), datetime(2000, 1, 1))
    except CronSimError:
        raise _bad_cron(text, f"its {name} `{part}` is out of range or runs backwards", hint) from None


def _number(value: str, low: int, names: Sequence[str]) -> int:
    return names.index(value) + low if value in names else int(value)


def _bad_cron(text: str, why: str, hint: str) -> Invalid:
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    return Invalid(f"the cron expression `{shown}` cannot be used: {why}", hint=hint, fields={"cron": why})


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    # Names as Python resolves them, less what depends on the machine or counts leap seconds.
    if _ZONE.fullmatch(name) and name not in _NO_ZONES and name.split("/")[0] not in ("posix", "right"):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    near = difflib.get_close_matches(name[:80], sorted(available_timezones() - _NO_ZONES), 3)
    raise Invalid(
        f"no time zone is called {name[:80]!r}",
        hint=f"did you mean {' or '.join(near)}?" if near else "give an IANA name such as Europe/Berlin, or UTC",
        fields={"timezone": "not an IANA zone"},
    )


def instant(name: str, moment: datetime) -> int:
    """Microseconds since 1970. Raises `Invalid` that names `name`: no offset from UTC, or outside 1970 to 9998."""
    if moment.utcoffset() is None:
        why = "it has no offset from UTC"
        hint = "write 2026-03-29T09:00:00+02:00, or Z at the end for UTC"
    elif not _EPOCH <= moment < _END:
        why, hint = "it is outside the years 1970 to 9998", "correct the year"
    else:
        return _microseconds(moment)
    raise Invalid(f"{name} {moment.isoformat()} cannot be used: {why}", hint=hint, fields={name: why})


def _period(every: float) -> int:
    if not 1 <= every <= MAX_EVERY:
        why = "it must be 1 second or more, and ten years or less"
        raise Invalid(f"a period of {every} s cannot be used: {why}", hint="give seconds", fields={"every": why})
    return round(every * SECOND)


def _microseconds(moment: datetime) -> int:
    if moment.utcoffset() is None:
        raise ValueError(f"{moment.isoformat()} has no offset from UTC")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
