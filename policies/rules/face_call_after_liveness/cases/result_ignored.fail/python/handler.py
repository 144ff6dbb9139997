import logging

import boto3

rekognition = boto3.client("rekognition")
log = logging.getLogger()


def handler(event, context):
    result = rekognition.get_face_liveness_session_results(SessionId=event["session"])
    log.info("liveness: %s", result["Confidence"])
    answer = rekognition.search_faces_by_image(
        CollectionId="staff", Image={"Bytes": result["ReferenceImage"]["Bytes"]}, FaceMatchThreshold=95
    )
    if answer["FaceMatches"][0]["Face"]["Confidence"] > 90:
        return answer["FaceMatches"][0]["Face"]["FaceId"]
    return None
