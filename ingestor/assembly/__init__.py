"""The composition root: puts the service together, for a run or for a command without one."""
