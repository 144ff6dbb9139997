import json

import requests
from requests_aws4auth import AWS4Auth

TARGET = "RekognitionService.CompareFaces"


def compare(auth: AWS4Auth, first: str, second: str):
    headers = {"X-Amz-Target": TARGET, "Content-Type": "application/x-amz-json-1.1"}
    body = json.dumps({"SourceImage": {"Bytes": first}, "TargetImage": {"Bytes": second}})
    return requests.post("https://rekognition.eu-west-1.amazonaws.com/", data=body, headers=headers, auth=auth, timeout=10).json()
