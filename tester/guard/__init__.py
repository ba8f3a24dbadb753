"""The guard: what keeps user code away from anything that its run must not depend on."""
