"""`motion-bench`: how fast a bundle runs on this machine, and how near that is to what the machine can do."""
