"""Where Chalice looks for the app. What it is made of: `chalicelib/bootstrap.py` and `chalicelib/api/`."""

import os

from chalicelib import bootstrap
from chalicelib.api import application

app = application.build(bootstrap.runtime(os.environ))

# The scheduled handlers' names in Lambda are `app.publish_keys` and so on.
publish_keys = app.handler_map["publish_keys"]
refresh_endorsements = app.handler_map["refresh_endorsements"]
refresh_risk_metrics = app.handler_map["refresh_risk_metrics"]
