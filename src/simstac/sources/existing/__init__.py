"""Stores that others wrote: found by listing or by name, told apart by their layout, and seen to change."""
