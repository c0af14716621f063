"""What Home Assistant's recorder leaves out of attributes, so that live events have the same ones as refilled events.

Facts of its releases 2025.4 and 2026.11: `ALL_DOMAIN_EXCLUDE_ATTRS` of the recorder; of each component `BY_DOMAIN` its
`_entity_component_unrecorded_attributes`, and what its own entities leave out; `BY_INTEGRATION` the
`_unrecorded_attributes` of an integration's entities, whatever their domain. `EVERYTHING` is its `MATCH_ALL`: all but
`ALWAYS`.
"""

from __future__ import annotations

EVERYTHING = "*"
ALWAYS = frozenset({"device_class", "state_class", "unit_of_measurement", "friendly_name"})

ANYWHERE = ["attribution", "restored", "supported_features"]

BY_DOMAIN = {
    "automation": "current id last_triggered max mode",
    "calendar": "description",
    "camera": "access_token entity_picture",
    "climate": "fan_modes hvac_modes max_humidity max_temp min_humidity min_temp preset_modes swing_modes"
    " target_humidity_step target_temp_step",
    "cover": "supported_speeds",
    "event": "event_types",
    "fan": "preset_modes",
    "group": "auto entity_id order",
    "humidifier": "available_modes max_humidity min_humidity target_humidity_step",
    "image": "access_token entity_picture",
    "input_boolean": "editable",
    "input_button": "editable",
    "input_datetime": "editable has_date has_time",
    "input_number": "editable max min mode step",
    "input_select": "editable options",
    "input_text": "editable max min mode pattern",
    "light": "brightness color_mode color_temp color_temp_kelvin effect effect_list hs_color max_color_temp_kelvin"
    " max_mireds min_color_temp_kelvin min_mireds rgb_color rgbw_color rgbww_color supported_color_modes xy_color",
    "media_player": "entity_picture entity_picture_local media_position media_position_updated_at sound_mode_list"
    " source_list",
    "number": "max min mode step step_validation",
    "person": "device_trackers",
    "schedule": "editable next_event",
    "script": "current last_action last_triggered max mode",
    "select": "options",
    "sensor": "options",
    "siren": "available_tones",
    "sun": "azimuth elevation next_dawn next_dusk next_midnight next_noon next_rising next_setting rising",
    "tag": "tag_id",
    "text": "max min mode pattern",
    "update": "display_precision entity_picture in_progress release_summary update_percentage",
    "vacuum": "fan_speed_list",
    "water_heater": "max_temp min_temp operation_list target_temp_step",
}

BY_INTEGRATION = {
    "asuswrt": "last_time_reachable",
    "backup": "backup_stage failed_reason",
    "dnsip": "ip_addresses querytype resolver",
    "ecobee": "active_sensors available_sensors",
    "ecovacs": "description rooms",
    "feedreader": "content description link title",
    "geosphere_austria_warnings": EVERYTHING,
    "group": "entity_id group_entities",
    "husqvarna_automower": "work_area_id_assignment",
    "knx": "assumed_state",
    "miele": "profile",
    "random": "maximum minimum",
    "sharkiq": "rooms",
    "sql": EVERYTHING,
    "tankerkoenig": "brand city house_number latitude longitude postcode station_name street",
    "threshold": "entity_id hysteresis lower type upper",
    "trafikverket_camera": "description location",
    "unifiprotect": "event_id event_score smart_detect_types",
    "utility_meter": "next_reset",
}


def unrecorded(domain: str, integration: str | None, attribute: str) -> bool:
    """Return whether the recorder leaves out this attribute of an entity."""
    own = BY_INTEGRATION.get(integration or "", "")
    if own == EVERYTHING:
        return attribute not in ALWAYS
    return attribute in ANYWHERE or attribute in BY_DOMAIN.get(domain, "").split() or attribute in own.split()
