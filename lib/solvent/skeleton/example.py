"""Example data of a new project: orders of three months, the same whenever they are made.

What an order is returned for: its amount, a customer who often returns, and a weekend.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime, time, timedelta

MONTHS = (date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1))
# The first day after the last order.
END = date(2024, 4, 1)
PER_DAY, CUSTOMERS = 25, 40
REGIONS = ("north", "south", "west")


def share(*words: object) -> float:
    """A number in [0, 1) that depends on words alone."""
    return int(hashlib.sha256(" ".join(map(str, words)).encode()).hexdigest()[:12], 16) / 16**12


def example_files() -> dict[str, str]:
    """The landing files, as <source>/<file>, and their text."""
    customers = [f"c{number},{REGIONS[number % 3]}" for number in range(CUSTOMERS)]
    files = {"customers/customers.csv": text("customer,region", customers)}
    for first, end in zip(MONTHS, (*MONTHS[1:], END), strict=True):
        days = [first + timedelta(days=number) for number in range((end - first).days)]
        orders = [order(day, number) for day in days for number in range(PER_DAY)]
        files[f"orders/{first:%Y-%m}.csv"] = text("id,customer,placed,amount,returned", orders)
    return files


def order(day: date, number: int) -> str:
    """The line of an order."""
    identity = f"{day:%y%m%d}{number:02}"
    placed = datetime.combine(day, time()) + timedelta(minutes=int(1440 * share(identity, "placed")))
    customer, amount = int(CUSTOMERS * share(identity, "customer")), 5 + 95 * share(identity, "amount")
    risk = 0.05 + 0.002 * amount + 0.3 * (customer % 4 == 0) + 0.2 * (day.weekday() >= 5)
    return f"{identity},c{customer},{placed:%Y-%m-%d %H:%M:%S},{amount:.2f},{int(share(identity, 'returned') < risk)}"


def text(header: str, lines: list[str]) -> str:
    """The text of a file."""
    return "\n".join([header, *lines, ""])
