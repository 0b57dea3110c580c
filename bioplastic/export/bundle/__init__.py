"""Bundles: sealed folders, and the tools from elsewhere that replay them."""
