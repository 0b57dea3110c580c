"""One winner-take-all population under a dense plastic projection, in one fused loop."""
