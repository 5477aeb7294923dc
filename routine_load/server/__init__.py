"""The doors: wire protocols, authentication, sessions. What a statement does is not decided here."""
