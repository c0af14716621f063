"""One vocabulary for the condition of the weather: OpenWeatherMap's descriptions, which are the finest of the three.

Sources: https://openweathermap.org/weather-conditions, the WMO codes at https://open-meteo.com/en/docs, and Home
Assistant's conditions at https://developers.home-assistant.io/docs/core/entity/weather. What has no counterpart there
(`hail`, `windy`, `exceptional`) keeps Home Assistant's word.
"""

from __future__ import annotations

WMO = {
    0: "clear sky",
    1: "few clouds",
    2: "scattered clouds",
    3: "overcast clouds",
    45: "fog",
    48: "fog",
    51: "light intensity drizzle",
    53: "drizzle",
    55: "heavy intensity drizzle",
    56: "freezing rain",
    57: "freezing rain",
    61: "light rain",
    63: "moderate rain",
    65: "heavy intensity rain",
    66: "freezing rain",
    67: "freezing rain",
    71: "light snow",
    73: "snow",
    75: "heavy snow",
    77: "snow",
    80: "light intensity shower rain",
    81: "shower rain",
    82: "heavy intensity shower rain",
    85: "light shower snow",
    86: "heavy shower snow",
    95: "thunderstorm",
    96: "thunderstorm",
    99: "heavy thunderstorm",
}
"""By the WMO's code of present weather."""

HOME_ASSISTANT = {
    "clear-night": "clear sky",
    "sunny": "clear sky",
    "partlycloudy": "scattered clouds",
    "cloudy": "overcast clouds",
    "fog": "fog",
    "rainy": "moderate rain",
    "pouring": "heavy intensity rain",
    "snowy": "snow",
    "snowy-rainy": "rain and snow",
    "lightning": "thunderstorm",
    "lightning-rainy": "thunderstorm with rain",
    "hail": "hail",
    "windy": "windy",
    "windy-variant": "windy",
    "exceptional": "exceptional",
}
"""By the state of a weather entity."""
