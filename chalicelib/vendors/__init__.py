"""Adapters to the vendors' servers: Google's and Apple's. All network of the service that is not AWS is here."""
