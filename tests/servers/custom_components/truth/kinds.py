"""The kinds of entities that are changed: name, domain, how a state is drawn, how its attributes are.

Those of `HALF_CHANGING` keep their state every other time, as a cover does that only moves: with attributes that are
never the same that is a change all the same, but `last_changed` stays.
"""

TEXTS = [
    'say "hello"',
    "comma, and = sign",
    "two\nlines",
    "Café 漢字 😀",
    "back\\slash\\",
    "",
    " ",
    "it's",
    "1_000",
    "nan",
]


def number(low, high):
    return lambda random, turn: f"{random.uniform(low, high):.3f}"


def one_of(*states):
    return lambda random, turn: states[turn % len(states)]


def measured(unit, device_class):
    return lambda random, turn: {
        "unit_of_measurement": unit, "device_class": device_class, "state_class": "measurement",
    }  # fmt: skip


def plain(**attributes):
    return lambda random, turn: attributes


def either(*states):
    return lambda random, turn: random.choice(states)


HALF_CHANGING = {"shade", "speaker", "thermostat", "scooter"}
KINDS = [
    ("celsius", "sensor", number(-20, 40), measured("°C", "temperature")),
    ("fahrenheit", "sensor", number(0, 100), measured("°F", "temperature")),
    ("kelvin", "sensor", number(250, 310), measured("K", "temperature")),
    ("watt", "sensor", number(0, 3000), measured("W", "power")),
    ("kilowatt", "sensor", number(0, 9), measured("kW", "power")),
    ("hectopascal", "sensor", number(980, 1040), measured("hPa", "atmospheric_pressure")),
    ("inches", "sensor", number(29, 31), measured("inHg", "atmospheric_pressure")),
    ("watthours", "sensor", lambda random, turn: str(turn), measured("Wh", "energy")),
    ("lux", "sensor", number(0, 9999), measured("lx", "illuminance")),
    ("motion", "binary_sensor", one_of("on", "off"), plain(device_class="motion")),
    ("switch", "switch", one_of("off", "on"), plain()),
    (
        "lamp", "light", one_of("on", "off"),
        lambda random, turn: {"rgb_color": [turn % 256, 7, 9], "brightness": random.randrange(256), "effect": None},
    ),
    ("cover", "cover", one_of("closed", "opening", "open", "closing"), plain(device_class="shutter")),
    ("valve", "valve", one_of("closed", "open"), plain()),
    ("lock", "lock", one_of("locked", "unlocked"), plain()),
    ("climate", "climate", one_of("heat", "off", "cool"), plain(hvac_modes=["off", "heat", "cool"])),
    ("player", "media_player", one_of("playing", "paused", "off", "idle"), plain(volume_level=0.1)),
    ("tracker", "device_tracker", one_of("home", "not_home", "Work"), plain(source_type="gps")),
    ("visitor", "person", one_of("home", "not_home", "Work"), plain()),
    ("text", "sensor", lambda random, turn: TEXTS[turn % len(TEXTS)], plain()),
    ("steady", "sensor", one_of("steady"), lambda random, turn: {"seq": turn}),
    (
        "morphing", "sensor", number(0, 1),
        lambda random, turn: {"morph": [turn, str(turn), [turn], None, {"n": turn}, True][turn % 6]},
    ),
    ("flaky", "sensor", one_of("1", "unavailable", "2", "unknown"), measured("W", "power")),
    ("fleeting", "sensor", one_of("1", "2", None, "3"), measured("hPa", "pressure")),
    ("shade", "cover", either("open", "closed"), lambda random, turn: {"current_position": random.random()}),
    ("speaker", "media_player", either("on", "off"), lambda random, turn: {"volume_level": random.random()}),
    ("thermostat", "climate", either("heat", "off"), lambda random, turn: {"current_temperature": random.random()}),
    ("scooter", "device_tracker", either("home", "not_home"), lambda random, turn: {"latitude": random.random()}),
    ("typeless", "sensor", number(0, 9), lambda random, turn: {"device_class": turn % 7, "unit_of_measurement": None}),
]  # fmt: skip
