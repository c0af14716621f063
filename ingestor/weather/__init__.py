"""The weather at the home: provider, circuit breaker, poller."""
