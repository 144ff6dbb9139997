"""The embedded AWS: moto's server in one process on a loopback port, with back ends for what moto lacks or gets wrong.

``server.Sandbox`` runs it, ``backends`` holds what Averment adds to moto or corrects in it, ``events`` does what a Lambda
event source mapping does, ``config_runner`` what AWS Config does with a custom Lambda rule. Code under test reaches it
through boto3's own variables (``AWS_ENDPOINT_URL``) and can't tell. ``deployed`` needs no server: it makes AWS Config's items of a template.
"""
