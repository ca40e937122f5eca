"""Accounts: who looks after which customer, and what is counted of them."""
