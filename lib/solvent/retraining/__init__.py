"""When to retrain: what the policy of model.yml says of a champion, and the record of what came of it.

Retraining itself is training, evaluation and release at a later as-of; nothing replaces a champion but by the gates. It is announced before
it is decided on, and recorded after: of one that was killed in between, the next finds announcement and decision, and records it.
"""

from solvent.retraining.ledger import Retraining, append_announcement, conclude, unrecorded_retrainings
from solvent.retraining.policy import reasons_to_retrain

__all__ = ["Retraining", "append_announcement", "conclude", "reasons_to_retrain", "unrecorded_retrainings"]
