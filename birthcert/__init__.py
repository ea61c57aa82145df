"""Birth certificates for device fleets: AWS Private CA and AWS IoT just-in-time provisioning."""

__version__ = "0.1.0"
