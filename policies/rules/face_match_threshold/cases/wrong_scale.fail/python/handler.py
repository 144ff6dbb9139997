import boto3

rekognition = boto3.client("rekognition")


def handler(event, context):
    found = rekognition.search_faces_by_image(CollectionId="members", Image={"Bytes": event["selfie"]}, FaceMatchThreshold=0.8, MaxFaces=1)
    return {"member": found["FaceMatches"][0]["Face"]["ExternalImageId"] if found["FaceMatches"] else None}
