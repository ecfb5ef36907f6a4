"""The vocabulary every stage shares: frozen types, standard library only, no I/O (RFC 9334's words)."""
