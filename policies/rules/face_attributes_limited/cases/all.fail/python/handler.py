import boto3


class Pictures:
    def __init__(self):
        self.rek = boto3.client("rekognition", region_name="eu-west-1")

    def describe(self, picture):
        return self.rek.detect_faces(Image={"Bytes": picture}, Attributes=["ALL"])["FaceDetails"]
