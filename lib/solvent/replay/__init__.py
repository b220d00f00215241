"""A past played through as if it came now: data arrives, is scored, matures, is monitored, and the model is retrained by its policy.

Beside the champion, which lives by the policy, two others are followed for comparison: the first champion, never retrained, and a model
retrained at the start of every month, whatever it shows. Each predicts the same rows, none of which it was trained on.
"""

from solvent.replay.page import write_replay
from solvent.replay.play import replay
from solvent.replay.steps import Step

__all__ = ["Step", "replay", "write_replay"]
