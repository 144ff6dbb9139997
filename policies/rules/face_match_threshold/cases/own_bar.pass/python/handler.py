import boto3

rekognition = boto3.client("rekognition")
SURE = 99.0


def similarity(photo, selfie):
    found = rekognition.compare_faces(SourceImage=photo, TargetImage=selfie, SimilarityThreshold=0)["FaceMatches"]
    return max((match["Similarity"] for match in found), default=0)


def handler(event, context):
    return {"same": similarity(event["photo"], event["selfie"]) >= SURE}
