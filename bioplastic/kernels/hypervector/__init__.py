"""Binary hypervectors, packed: bind, bundle, permute, agreement; `reference` is the meaning."""
