"""What a step keeps of its work, so that its next attempt goes on from there: see ``slipway.checkpoint``; standard library only."""
