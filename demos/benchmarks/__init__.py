"""What Serf costs, how accurate it is, and where it can be exported to."""
