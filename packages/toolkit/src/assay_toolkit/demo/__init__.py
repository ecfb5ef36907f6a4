"""The main job, end to end: Assay, a bank and a cast of phones, with only HTTP between them."""
