import boto3

rekognition = boto3.client("rekognition")


def handler(event, context):
    found = rekognition.detect_faces(Image=event["image"], Attributes=["DEFAULT", "FACE_OCCLUDED"])
    return len(found["FaceDetails"]) == 1
