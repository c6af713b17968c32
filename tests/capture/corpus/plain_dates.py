# %%
import datetime as dt
from datetime import date, datetime, timedelta, timezone
import calendar

start = date(2024, 2, 27)
meeting = datetime(2024, 3, 1, 14, 30, tzinfo=timezone.utc)

# %%
[str(start + timedelta(days=n)) for n in range(4)]

# %%
meeting.isoformat(), f"{meeting:%A %d %B}", meeting.timestamp()

# %%
(meeting.date() - start).days, start < date(2024, 3, 1)

# %%
def weekdays(first, last):
    day = first
    while day <= last:
        if day.weekday() < 5:
            yield day
        day += timedelta(1)

sum(1 for _ in weekdays(start, start + timedelta(30)))

# %%
calendar.monthrange(2024, 2), calendar.isleap(1900)

# %%
print(calendar.month(2024, 2))

# %%
from zoneinfo import ZoneInfo
meeting.astimezone(ZoneInfo("Asia/Tokyo")).strftime("%H:%M %Z")

# %% raises ValueError
datetime.strptime("2024-13-01", "%Y-%m-%d")

# %%
def age(born: date, today: date = date(2024, 6, 1)) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))

age(date(2000, 6, 2)), age(date(2000, 6, 1))

# %% raises TypeError
meeting - datetime(2024, 1, 1)
