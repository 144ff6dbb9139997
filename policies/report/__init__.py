"""Reports: how a check's result is shown, one file a format; the registry names them."""
