"""Says what Home Assistant makes of units: `python -P` of Home Assistant prints `tests/samples/units.json` with it.

For each device class whose numbers it converts, two numbers in every unit that it takes for them. Beaufort is what they
are converted from, as those are whole numbers; "" is no unit.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def converted() -> dict[str, dict[str, list[float]]]:
    """Return the numbers by device class and unit."""
    from homeassistant.components.number import const as number  # type: ignore[import-not-found]  # noqa: PLC0415
    from homeassistant.components.sensor import const as sensor  # type: ignore[import-not-found]  # noqa: PLC0415

    classes: dict[Any, Any] = number.UNIT_CONVERTERS | sensor.UNIT_CONVERTERS
    found = {}
    for device_class, converter in classes.items():
        units = sorted(converter.VALID_UNITS, key=str)
        numbers, unit = ((3, 8), "Beaufort") if "Beaufort" in units else ((7.25, 1500), units[0])
        found[str(device_class)] = {
            name or "": [converter.convert(one, unit, name) for one in numbers] for name in units
        }
    return found


if __name__ == "__main__":
    lines = [
        f"{json.dumps(name)}: {json.dumps(units, ensure_ascii=False)}" for name, units in sorted(converted().items())
    ]
    sys.stdout.write("{\n" + ",\n".join(lines) + "\n}\n")
