"""What chips hold, what a network needs, and where its neurons would go."""
