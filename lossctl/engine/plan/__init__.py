"""From a request to a plan: every name is resolved."""
