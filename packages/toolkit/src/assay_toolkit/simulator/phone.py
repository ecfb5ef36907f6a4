"""The simulated phones, by the names that everybody else uses."""

from assay_toolkit.simulator.android_phone import AndroidPhone
from assay_toolkit.simulator.apple_phone import ApplePhone
from assay_toolkit.simulator.base_phone import Phone

__all__ = ["AndroidPhone", "ApplePhone", "Phone"]
