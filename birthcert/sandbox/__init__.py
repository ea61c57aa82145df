"""A local stand-in for AWS that refuses what AWS refuses. No production CA: loopback only."""
