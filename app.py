"""Where Chalice looks for the app. What it is made of: `chalicelib/bootstrap.py` and `chalicelib/api/`."""

import os

from chalicelib import bootstrap
from chalicelib.api import application

app = application.build(bootstrap.runtime(os.environ))

# The scheduled handler's name in Lambda is `app.publish_keys`.
publish_keys = app.handler_map["publish_keys"]
