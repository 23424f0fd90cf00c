"""`motion-evaluate`: a bundle's motion beside recordings, figure by figure, with intervals.

Definitions, units and sources stand in docs/metrics.md. Nothing here is tuned on the held-out split: the evaluator and
the classifier see the training split only.
"""
