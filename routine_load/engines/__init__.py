"""Where tables live. Each engine keeps the ports of the rooms that need it, and none imports another."""
