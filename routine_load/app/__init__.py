"""The composition root: builds every part, hands them to each other, starts and stops them in order. No rules here."""
