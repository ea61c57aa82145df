"""The canary: a throw-away device that proves a tenant's provisioning, and is taken away again."""
