"""The rule upload-api-authorised: see the README beside it."""
