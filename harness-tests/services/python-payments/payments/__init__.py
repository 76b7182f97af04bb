"""Charges each placed order at the payment gateway."""
