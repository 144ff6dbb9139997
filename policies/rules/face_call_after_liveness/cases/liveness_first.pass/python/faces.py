import boto3


def client():
    return boto3.session.Session().client("rekognition")


def same_person(picture, account):
    stored = {"S3Object": {"Bucket": "larkspur-accounts", "Name": account}}
    answer = client().compare_faces(SourceImage=stored, TargetImage={"Bytes": picture})
    return bool(answer["FaceMatches"])
