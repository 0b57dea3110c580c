"""The Neuromorphic Intermediate Representation: graphs, golden traces, and who reads them how."""
