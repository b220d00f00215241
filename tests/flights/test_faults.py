"""Faults planted into lines as a feed would deliver them."""

from __future__ import annotations

from datetime import date, timedelta

from flights.faults import FAULTS, FROZEN

DAY = date(2013, 9, 9)
WEATHER = "origin,year,month,day,hour,temp,dewp,time_hour"
FLIGHTS = "dep_time,sched_dep_time,dep_delay,arr_delay,carrier,hour,time_hour"


def spoiled(fault: str, header: str, lines: dict[date, list[str]]) -> dict[date, list[str]]:
    return dict(FAULTS[fault].spoil(header.split(","), lines, DAY))


def test_frozen_weather_repeats_each_stations_last_values_for_three_weeks() -> None:
    def hours(day: date) -> list[str]:
        return [
            f"{origin},2013,{day.month},{day.day},{hour},{day.day + hour},{hour},t{hour}\n"
            for hour in (0, 1)
            for origin in ("EWR", "JFK")
        ]

    lines = {day: hours(day) for day in (DAY - timedelta(days=1), DAY, DAY + FROZEN)}
    found = spoiled("weather-frozen", WEATHER, lines)
    assert found[DAY - timedelta(days=1)] == lines[DAY - timedelta(days=1)]
    assert found[DAY + FROZEN] == lines[DAY + FROZEN]
    assert found[DAY] == [
        "EWR,2013,9,9,0,9,1,t0\n",
        "JFK,2013,9,9,0,9,1,t0\n",
        "EWR,2013,9,9,1,9,1,t1\n",
        "JFK,2013,9,9,1,9,1,t1\n",
    ]


def test_a_stopped_source_delivers_no_further_day() -> None:
    lines = {DAY - timedelta(days=1): ["a"], DAY: ["b"], DAY + timedelta(days=1): ["c"]}
    assert spoiled("weather-stopped", WEATHER, lines) == {DAY - timedelta(days=1): ["a"]}


def test_one_carrier_gives_delays_in_hours() -> None:
    lines = {DAY: ["517,515,130,-31,UA,5,t\n", "NA,515,NA,NA,UA,5,t\n", "517,515,130,-31,AA,5,t\n"]}
    assert spoiled("delays-in-hours", FLIGHTS, lines)[DAY] == [
        "517,515,2,-1,UA,5,t\n",
        "NA,515,NA,NA,UA,5,t\n",
        "517,515,130,-31,AA,5,t\n",
    ]


def test_departures_are_an_hour_late_but_stay_on_their_day() -> None:
    lines = {
        DAY: ["2330,2259,31,31,UA,22,t\n", "NA,2300,NA,NA,UA,23,t\n", "59,2359,60,60,UA,23,t\n", "517,515,2,0,AA,5,t\n"]
    }
    assert spoiled("hour-late", FLIGHTS, lines)[DAY] == [
        "30,2359,31,31,UA,23,t\n",
        "NA,2300,NA,NA,UA,23,t\n",
        "59,2359,60,60,UA,23,t\n",
        "617,615,2,0,AA,6,t\n",
    ]
