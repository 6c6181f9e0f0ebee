"""One short module a command: compose the config, call the stages, say what happened."""
