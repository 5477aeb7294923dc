"""What real clients do with a real service: the feats, an adapter for each client, and the page that tells of them."""
