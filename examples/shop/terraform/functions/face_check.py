"""Checkout: is the person at the camera the holder of the account?"""

import os

import boto3

rekognition = boto3.client("rekognition")


def handler(event, context):
    answer = rekognition.compare_faces(
        SourceImage={"S3Object": {"Bucket": event["photo_bucket"], "Name": event["photo_key"]}},
        TargetImage={"Bytes": bytes.fromhex(event["selfie"])},
        SimilarityThreshold=float(os.environ["SIMILARITY"]),
    )
    return {"order": event["order"], "same_person": bool(answer["FaceMatches"])}
