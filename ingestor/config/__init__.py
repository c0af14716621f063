"""What is configured: read, checked, and every mistake told by its name.

`settings` has every setting and what must hold between them. How one value is read, as people write it, is in
`addresses`, `secrets` and `values`; where all of them come from, and how their mistakes are told, in `loading`.
"""

from ingestor.config.addresses import is_loopback
from ingestor.config.loading import load
from ingestor.config.secrets import SECRETS
from ingestor.config.settings import HomeSettings, Settings
from ingestor.config.values import location

__all__ = ["SECRETS", "HomeSettings", "Settings", "is_loopback", "load", "location"]
