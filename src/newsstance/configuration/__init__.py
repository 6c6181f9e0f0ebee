"""What can be configured, and how the command line becomes a checked, typed configuration."""
