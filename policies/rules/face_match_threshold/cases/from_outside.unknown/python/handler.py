import os

import boto3

rekognition = boto3.client("rekognition")


def handler(event, context):
    least = float(os.environ.get("SIMILARITY", "80"))
    answer = rekognition.compare_faces(SourceImage=event["photo"], TargetImage=event["selfie"], SimilarityThreshold=least)
    return bool(answer["FaceMatches"])
