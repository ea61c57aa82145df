"""AWS IoT's control plane as AWS has it: rules free of moto, and `moto`, which hangs them in."""
