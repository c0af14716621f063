"""How long the bucket keeps points: what is asked for, where the bucket is ours, and else what the bucket says.

Ours is a bucket that we made, which its description tells. One that somebody else made, InfluxDB's own set-up for
instance, may hold other data, and is never changed: what it really keeps is told, and what reads the past goes by it.
"""

from __future__ import annotations

from ingestor.model.errors import CredentialsRefused, UsageError
from ingestor.storage.influxdb_server import OURS, Bucket, InfluxDBServer
from ingestor.storage.store import Retention
from metrics import facts
from metrics.codes import ErrorCode, WarningCode


class BucketRetention:
    """Brings the bucket to what is asked for. `real` is what it keeps; until it has said so, what is asked for."""

    def __init__(self, server: InfluxDBServer, days: int, report: facts.Report) -> None:
        self.days = days
        self.real = Retention.of_days(days)
        self._server = server
        self._report = report
        self._told = ""

    async def apply(self) -> None:
        """Bring the bucket to what is asked for, or warn, once, that it is not. Raises `Unavailable`."""
        said = ""
        try:
            await self._bring(self.days)
        except (UsageError, CredentialsRefused) as error:
            said = f"RETENTION_DAYS={self.days} is not applied: {error}"
        if said and said != self._told:
            self._report(facts.Warned(code=WarningCode.RETENTION, detail=said))
        self._told = said

    async def set(self, days: int) -> None:
        """Ask for another one. Raises `UsageError` where the bucket does not take it, and what the server raises."""
        await self._bring(days)
        self.days = days

    async def _bring(self, days: int) -> None:
        bucket = await self._server.find_bucket()
        if bucket is None:
            what = f"INFLUXDB_TOKEN does not see the bucket {self._server.bucket}"
            raise UsageError(what, code=ErrorCode.CONFLICT, hint="see INFLUXDB_BUCKET and INFLUXDB_TOKEN")
        self.real = bucket.retention
        wanted = Retention.of_days(days)
        if bucket.retention.seconds == wanted.seconds:
            return
        if not bucket.retention.is_ours:
            raise foreign(self._server.bucket, bucket)
        await self._server.set_retention(bucket, days)
        self.real = wanted


def foreign(name: str, bucket: Bucket) -> UsageError:
    """Return the error for a bucket of somebody else's that keeps something else than is asked for."""
    hint = f'change it in InfluxDB, or give the bucket the description "{OURS}"'
    sentence = f"the bucket {name} keeps {bucket.retention}, and is not changed, for the ingestor did not make it"
    return UsageError(sentence, code=ErrorCode.CONFLICT, hint=hint)
