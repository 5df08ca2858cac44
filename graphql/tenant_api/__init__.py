"""The tenant API: GraphQL over HTTP, one schema whatever stands behind it."""
