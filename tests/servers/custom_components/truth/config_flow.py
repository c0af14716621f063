"""The component has no dialogue; its entry, which devices belong to, is made by itself."""

from homeassistant.config_entries import ConfigFlow


class TruthFlow(ConfigFlow, domain="truth"):
    """Nothing to ask."""

    VERSION = 1

    async def async_step_import(self, user_input):  # noqa: ARG002  it is called so
        """Make the entry."""
        return self.async_create_entry(title="Truth", data={})
