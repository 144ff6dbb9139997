import boto3

rekognition = boto3.client("rekognition")


def handler(event, context):
    return rekognition.detect_faces(Image=event["image"], Attributes=event["attributes"])
