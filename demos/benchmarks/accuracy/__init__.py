"""How accurate is Serf? Largest errors in ulps, on every backend."""
