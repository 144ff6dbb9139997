import boto3

SURE = 99


class Faces:
    def __init__(self, least=SURE):
        self.client = boto3.client("rekognition")
        self.least = least

    def same(self, photo, selfie):
        answer = self.client.compare_faces(SourceImage=photo, TargetImage=selfie, SimilarityThreshold=self.least)
        return bool(answer["FaceMatches"])


def handler(event, context):
    return Faces().same(event["photo"], event["selfie"])
