"""What a voice does, measured: one idea per file, pure functions of arrays; `record` puts them together."""
