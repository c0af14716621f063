"""From events to a database: spool, batches, writer, stores."""
