"""The sandbox's device endpoint: mutual-TLS MQTT with just-in-time provisioning."""

from birthcert.sandbox.device.endpoint import DeviceEndpoint, start

__all__ = ["DeviceEndpoint", "start"]
