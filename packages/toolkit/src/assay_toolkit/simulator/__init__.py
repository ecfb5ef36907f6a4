"""Phones that make evidence in the platforms' own formats, under roots of their own that anybody can use.

Written from the vendors' documents and held against real evidence, with other encoders than the service's decoders:
what both sides misread alike would go unseen. Nothing here imports the service.
"""
