"""A team's installation on one machine: Postgres, Prefect server, sandbox, workers; up and down."""
