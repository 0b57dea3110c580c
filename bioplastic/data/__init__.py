"""Two public-domain texts and a genome; LICENCES.md beside this file says where they come from."""
