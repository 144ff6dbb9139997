import boto3

rekognition = boto3.client("rekognition")


def handler(event, context):
    return bool(rekognition.compare_faces(SourceImage=event["photo"], TargetImage=event["selfie"])["FaceMatches"])
