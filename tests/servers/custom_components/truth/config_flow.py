"""The component has no dialogue; Home Assistant wants the file for an entry that devices belong to."""

from homeassistant.config_entries import ConfigFlow


class TruthFlow(ConfigFlow, domain="truth"):
    """Nothing to ask."""
