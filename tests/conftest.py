"""What all tests share: properties are searched without a stopwatch, since a busy machine is no bug."""

from hypothesis import HealthCheck, settings

settings.register_profile("assay", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("assay")
