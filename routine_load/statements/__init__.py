"""What each statement does: check, act, answer. It refuses to know wire formats."""
