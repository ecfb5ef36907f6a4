"""Assay on one machine: moto in place of AWS, the real app in front."""
