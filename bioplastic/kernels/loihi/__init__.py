"""The arithmetic `loihi-1`: reference and cpu, equal in every bit."""
