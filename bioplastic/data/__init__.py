"""The two bundled public-domain texts; LICENCES.md beside this file says where they come from."""
