"""From a state change to an event: units, values, presence, registries. Pure."""
