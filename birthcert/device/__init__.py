"""A device from this machine: its identity, and MQTT over mutual TLS as AWS IoT wants it."""
