"""The sandbox's HTTP side: from a socket to a checked call, and its answer in AWS's shape."""
