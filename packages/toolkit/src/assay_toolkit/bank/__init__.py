"""A small bank behind `assay_rp`, for demonstrations: it shows what a backend does with a verdict."""
