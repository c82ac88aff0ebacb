"""Texts to the agents on duty, and calls that a customer asks for."""
