"""Registering an app by its artefacts: what a genuine copy looks like, read out of the APK, AAB or IPA itself."""
