import boto3

rekognition = boto3.client("rekognition")


def handler(event, context):
    answer = rekognition.compare_faces(
        SourceImage={"S3Object": {"Bucket": "larkspur-accounts", "Name": event["account"]}},
        TargetImage={"Bytes": bytes.fromhex(event["selfie"])},
        SimilarityThreshold=95,
    )
    return {"same_person": bool(answer["FaceMatches"])}
