"""Where tasks run: backends in this process. A backend has slots; a slot holds one task, whatever that does."""
